"""Published hold-outs by name: family of data sets, condition, variant.

SPLITS["dsprites"]["r2r"]["sqr2tx"] excludes squares in the right half; MODIFIERS["mpi3d"]["fix_hx"]
keeps one position of an axis. A new hold-out is an entry here, or an expression in a config.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from replearn.dataset.declaration import Declaration
from replearn.dataset.expression import Expression
from replearn.dataset.images import FactorSpace
from replearn.dataset.splits import dsprites, mpi3d, shapes3d, spriteworld
from replearn.dataset.splits.split import Masks, Modifier, Split
from replearn.errors import InputError, nearest
from replearn.registry import lookup

CONDITIONS = {
    "interp": "interpolation: every other value of a factor",
    "r2e": "recombination to element (`recomb2element` in their code): one combination of all "
    "factors, or of single values",
    "r2r": "recombination to range (`recomb2range`): some values of one factor with a range of "
    "another",
    "extrp": "extrapolation: a range of one factor, with everything",
}
FAMILIES = {
    **dict.fromkeys(
        ("dsprites", "color_dsprites", "noisy_dsprites", "scream_dsprites"), "dsprites"
    ),
    "shapes3d": "shapes3d",
    **dict.fromkeys(("mpi3d_toy", "mpi3d_realistic", "mpi3d_real", "mpi3d_like"), "mpi3d"),
    **{name: name for name in ("circles", "simple", "twoshapes")},
}
SPLITS: dict[str, dict[str, dict[str, Split]]] = {
    "dsprites": dsprites.SPLITS,
    "shapes3d": shapes3d.SPLITS,
    "mpi3d": mpi3d.SPLITS,
    "circles": spriteworld.CIRCLES,
    "simple": spriteworld.SIMPLE,
    "twoshapes": spriteworld.TWOSHAPES,
}
MODIFIERS: dict[str, dict[str, Modifier]] = {
    "dsprites": dsprites.MODIFIERS,
    "shapes3d": shapes3d.MODIFIERS,
    "mpi3d": mpi3d.MODIFIERS,
    "circles": {},
    "simple": {},
    "twoshapes": spriteworld.TWOSHAPES_MODIFIERS,
}
# Family, condition, variant and modifiers that the papers combine: images to train and to test on.
COMBINED: dict[tuple[str, str, str, tuple[str, ...]], tuple[int, int]] = {
    ("shapes3d", "r2r", "shape2ohue", ("even_ohues",)): (216_000, 24_000),
    ("shapes3d", "r2r", "shape2ohueq", ("half_ohues",)): (204_000, 36_000),
    ("shapes3d", "r2r", "fhue2whue", ("even_wnf_hues",)): (105_600, 14_400),
    ("shapes3d", "r2e", "shape2ohue", ("even_ohues",)): (228_000, 12_000),
    ("shapes3d", "r2e", "shape2ohue", ("half_ohues",)): (228_000, 12_000),
    ("mpi3d", "r2r", "cyl2vx", ("four_shapes", "fix_hx")): (15_120, 2_160),
    ("mpi3d", "r2r", "bkg2cyl", ("four_shapes", "fix_hx")): (14_400, 2_880),
    ("mpi3d", "r2r", "cyl2vx", ("four_shapes", "lhalf_hx")): (302_400, 43_200),
}
_IN_THEIR_CODE = {"recomb2element": "r2e", "recomb2range": "r2r"}
KEYS = ("condition", "variant", "modifiers", "holdout")  # of a config's `dataset` section


def resolve_holdout(section: Mapping[str, Any]) -> dict[str, Any]:
    """Return KEYS of a config's `dataset` section, checked and in one spelling.

    The variant is filled in where a condition has one alone; modifiers come in the order of
    MODIFIERS, each once.

    Raises:
        InputError: if a name is unknown for the data set, or keys contradict each other.
    """
    condition, variant, modifiers, holdout = (section.get(key) for key in KEYS)
    if condition is not None and holdout is not None:
        raise InputError(
            "dataset.condition and dataset.holdout both say what is excluded; give one of them"
        )
    if condition is None and variant is not None:
        raise InputError(
            f"dataset.variant={variant} is of a condition; give dataset.condition, too"
        )
    if condition is not None:
        variant = _variant(section["name"], condition, variant)
    return {
        "condition": condition,
        "variant": variant,
        "modifiers": _modifiers(section["name"], modifiers) if modifiers else None,
        "holdout": holdout,
    }


def masks(section: Mapping[str, Any], space: FactorSpace | None) -> Masks | None:
    """Return the hold-out of a config's `dataset` section, or None if it has none.

    Args:
        space: the factors of the data set; None if it has none.

    Raises:
        InputError: as `resolve_holdout` and `Expression`, or if there are no factors.
    """
    condition, variant, modifiers, holdout = resolve_holdout(section).values()
    if condition is None and holdout is None and not modifiers:
        return None
    key = "dataset.modifiers" if holdout is None else "dataset.holdout"
    key = key if condition is None else "dataset.condition"
    if space is None:
        raise InputError(
            f"{key} excludes combinations of factors, and {section['name']} has no factors; choose "
            "a data set that has some, such as dsprites"
        )
    test, train, said = holdout, None, [f"dataset.holdout={holdout!r}"] if holdout else []
    if condition is not None:
        split = SPLITS[_family(section["name"], key)][condition][variant]
        test, train = split.test, split.train
        said = [f"dataset.condition={condition}", f"dataset.variant={variant}"]
    keep = [MODIFIERS[_family(section["name"], key)][name].keep for name in modifiers or ()]
    if modifiers:
        said.append(f"dataset.modifiers={list(modifiers)}")
    return Masks(
        " ".join(said),
        None if test is None else Expression(test, space, key),
        None if train is None else Expression(train, space, key),
        tuple(Expression(each, space, "dataset.modifiers") for each in keep),
    )


def check_holdout(section: Mapping[str, Any], declaration: Declaration) -> None:
    """Raise an InputError if a data set, as declared, cannot have the hold-out of a section."""
    space = declaration.factor_space
    found = masks(section, space)
    if found is not None and space is not None and len(space) == declaration.n_images:
        found.check(*found.counts(space), declaration.name)


def _family(name: str, key: str) -> str:
    if name not in FAMILIES:
        raise InputError(
            f"{key}: there are no published ones for {name}, but for {', '.join(FAMILIES)}; if it "
            "has factors, write dataset.holdout as an expression"
        )
    return FAMILIES[name]


def _variant(name: str, condition: str, variant: str | None) -> str:
    """Return the name of a variant of a condition of the data set `name`."""
    conditions = SPLITS[_family(name, "dataset.condition")]
    if condition in _IN_THEIR_CODE:
        raise InputError(f"dataset.condition={condition} is called {_IN_THEIR_CODE[condition]}")
    variants = lookup(conditions, condition, f"dataset.condition of {name}")
    if variant is None:
        if len(variants) > 1:
            raise InputError(
                f"dataset.condition={condition} of {name} has several variants; give "
                f"dataset.variant, one of {', '.join(variants)}"
            )
        return next(iter(variants))
    if variant not in variants:
        elsewhere = [other for other, known in conditions.items() if variant in known]
        raise InputError(
            f"dataset.condition={condition} of {name} has no variant {variant!r}; "
            + (
                f"it is one of dataset.condition={elsewhere[0]}"
                if elsewhere
                else nearest(variant, variants)
            )
        )
    return variant


def _modifiers(name: str, given: Any) -> list[str]:
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise InputError(
            f"dataset.modifiers must be a list of names, got {given!r}; write [{given}]"
        )
    known = MODIFIERS[_family(name, "dataset.modifiers")]
    for each in given:
        lookup(known, each, f"dataset.modifiers of {name}")
    return [each for each in known if each in given]
