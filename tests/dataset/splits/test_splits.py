"""Published hold-outs: the numbers of images are those that the published code has."""

import numpy as np
import pytest

from replearn.dataset import DECLARATIONS
from replearn.dataset.splits import (
    COMBINED,
    CONDITIONS,
    FAMILIES,
    MODIFIERS,
    SPLITS,
    masks,
    resolve_holdout,
)
from replearn.errors import InputError

# Images to train on and to test on, counted by the code of Montero et al. on the full grids.
PUBLISHED = {
    ("dsprites", "r2e", "leave1out"): (731_472, 5_808),
    ("dsprites", "r2r", "sqr2tx"): (614_400, 122_880),
    ("dsprites", "r2r", "shape2tx"): (614_400, 122_880),
    ("dsprites", "r2r", "ell2tx"): (614_400, 122_880),
    ("dsprites", "r2r", "sqr2scl"): (614_400, 122_880),
    ("dsprites", "r2r", "sqr2tx_cent"): (614_400, 122_880),
    ("dsprites", "r2r", "sqr2tx_flnk"): (614_400, 122_880),
    ("dsprites", "r2r", "sqr2tx_rs"): (622_080, 115_200),
    ("dsprites", "r2r", "sqr2tx_ls"): (606_720, 130_560),
    ("dsprites", "extrp", "blank_side"): (368_640, 368_640),
    ("shapes3d", "interp", "odd_ohue"): (240_000, 240_000),
    ("shapes3d", "interp", "odd_wnf_hue"): (120_000, 360_000),
    ("shapes3d", "r2e", "leave1out"): (479_928, 72),
    ("shapes3d", "r2e", "shape2ohue"): (468_000, 12_000),
    ("shapes3d", "r2r", "ohue2whue"): (422_400, 57_600),
    ("shapes3d", "r2r", "fhue2whue"): (422_400, 57_600),
    ("shapes3d", "r2r", "shape2ohue"): (420_000, 60_000),
    ("shapes3d", "r2r", "shape2fhue"): (420_000, 60_000),
    ("shapes3d", "r2r", "shape2ohueq"): (444_000, 36_000),
    ("shapes3d", "r2r", "shape2orient"): (416_000, 64_000),
    ("shapes3d", "r2r", "shape2ohue_flnk"): (420_000, 60_000),
    ("shapes3d", "r2r", "ohue+whue2fhue"): (451_200, 28_800),
    ("shapes3d", "extrp", "missing_fh"): (240_000, 240_000),
    ("shapes3d", "extrp", "fhue_gt50"): (240_000, 240_000),
    ("mpi3d_toy", "r2e", "leave1out"): (1_036_784, 16),
    ("mpi3d_real", "r2r", "cyl2hx"): (950_400, 86_400),
    ("mpi3d_real", "r2r", "cyl2horz"): (950_400, 86_400),
    ("mpi3d_realistic", "r2r", "cyl2vx"): (950_400, 86_400),
    ("mpi3d_like", "r2r", "redoc2hx"): (950_400, 86_400),
    ("mpi3d_like", "r2r", "objc2horz"): (950_400, 86_400),
    ("mpi3d_like", "r2r", "bkg2cyl"): (921_600, 115_200),
    ("mpi3d_like", "extrp", "horz_gt20"): (518_400, 492_480),
    ("mpi3d_like", "extrp", "objc_gt3"): (691_200, 345_600),
}
# Ours, by hand: values that are excluded of each factor that is named, times the other factors.
OURS = {
    ("color_dsprites", "r2e", "leave1out_square"): (737_280 - 4 * 12 * 11 * 11, 4 * 12 * 11 * 11),
    ("noisy_dsprites", "r2r", "sqr2tx_flnk_excluded"): (737_280 - 16 * 7_680, 16 * 7_680),
    ("scream_dsprites", "r2r", "sqr2tx_ls_square"): (737_280 - 15 * 7_680, 15 * 7_680),
    ("mpi3d_like", "r2r", "bkg2cyl_cylinder"): (1_036_800 - 57_600, 57_600),
    ("mpi3d_like", "r2r", "bkg2cyl_two_backgrounds"): (1_036_800 - 2 * 57_600, 2 * 57_600),
    ("mpi3d_like", "extrp", "horz_gt20_complement"): (21 * 25_920, 19 * 25_920),
    # Of 64 places from .1 to .9 in steps of .8 / 63, 24 lie in [.35, .65] and 32 above .5.
    ("circles", "r2r", "midpos"): (64**2 - 24**2, 24**2),
    ("circles", "r2r", "shape2px"): (64**2 - 32**2, 32**2),
    ("simple", "r2r", "midpos"): (2 * 64**2 - 24**2, 24**2),
    ("simple", "r2r", "shape2px"): (2 * 64**2 - 32**2, 32**2),
    # Two of five hues with two of five others; there are 75 places and shapes of each object.
    ("twoshapes", "r2r", "huecomb"): (21 * 75**2, 4 * 75**2),
}
KEPT = {
    ("dsprites", "sparse_posX"): 115_200,
    ("shapes3d", "even_ohues"): 240_000,
    ("shapes3d", "half_ohues"): 240_000,
    ("shapes3d", "even_wnf_hues"): 120_000,
    ("mpi3d_like", "four_shapes"): 691_200,
    ("mpi3d_like", "fix_hx"): 25_920,
    ("mpi3d_like", "lhalf_hx"): 518_400,
    ("mpi3d_like", "even_vx"): 518_400,
    ("mpi3d_like", "even_vx_even"): 518_400,
    # Of 25 pairs of places along an axis, 12 are two steps apart or more; 15² shapes and hues.
    ("twoshapes", "noverlap"): 12 * 12 * 15**2,
}
TOGETHER = {
    ("shapes3d", "r2r", "shape2ohue", "even_ohues"): (216_000, 24_000),
    ("shapes3d", "r2r", "shape2ohueq", "half_ohues"): (204_000, 36_000),
    ("shapes3d", "r2r", "fhue2whue", "even_wnf_hues"): (105_600, 14_400),
    ("shapes3d", "r2e", "shape2ohue", "even_ohues"): (228_000, 12_000),
    ("shapes3d", "r2e", "shape2ohue", "half_ohues"): (228_000, 12_000),
    ("mpi3d_like", "r2r", "cyl2vx", "four_shapes", "fix_hx"): (15_120, 2_160),
    ("mpi3d_like", "r2r", "bkg2cyl", "four_shapes", "fix_hx"): (14_400, 2_880),
    ("mpi3d_like", "r2r", "cyl2vx", "four_shapes", "lhalf_hx"): (302_400, 43_200),
}


def counts_of(name, *names, **others):
    return masks_of(name, *names, **others).counts(DECLARATIONS[name].factor_space)


def masks_of(name, condition=None, variant=None, *modifiers, **others):
    section = {"name": name, "condition": condition, "variant": variant, **others}
    return masks(section | {"modifiers": modifiers}, DECLARATIONS[name].factor_space)


@pytest.mark.parametrize("names, counts", (PUBLISHED | OURS | TOGETHER).items())
def test_as_many_images_as_published(names, counts):
    assert counts_of(*names) == counts


def test_the_registry_says_so_too():
    family = {names: (FAMILIES[names[0]], *names[1:]) for names in PUBLISHED | OURS | KEPT}
    declared = {
        (name, condition, variant): split.counts
        for name, conditions in SPLITS.items()
        for condition, variants in conditions.items()
        for variant, split in variants.items()
    }
    assert declared == {family[names]: counts for names, counts in (PUBLISHED | OURS).items()}
    kept = {(name, m): each.count for name, all_ in MODIFIERS.items() for m, each in all_.items()}
    assert kept == {family[names]: count for names, count in KEPT.items()}
    assert {
        (FAMILIES[names[0]], names[1], names[2], names[3:]): counts
        for names, counts in TOGETHER.items()
    } == COMBINED
    assert FAMILIES.keys() <= DECLARATIONS.keys()
    assert {condition for each in SPLITS.values() for condition in each} == CONDITIONS.keys()
    for conditions in SPLITS.values():
        for variants in conditions.values():
            assert all(split.doc.endswith(".") for split in variants.values())


@pytest.mark.parametrize("names, count", KEPT.items())
def test_modifiers_keep_as_many_images_as_published(names, count):
    name, modifier = names
    assert counts_of(name, None, None, modifier) == (count, 0)
    last = DECLARATIONS[name].factor_space.names[-1]
    train, test = counts_of(name, None, None, modifier, holdout=f"{last}.index < 2")
    assert train + test == count and min(train, test) > 0


@pytest.mark.parametrize(
    "name, one, other, same",
    [
        ("dsprites", ("r2r", "sqr2tx"), ("r2r", "shape2tx"), True),
        ("dsprites", ("r2r", "sqr2tx_cent"), ("r2r", "sqr2tx_flnk"), True),
        ("dsprites", ("r2r", "sqr2tx_cent"), ("r2r", "sqr2tx_flnk_excluded"), False),
        ("dsprites", ("r2r", "sqr2tx"), ("r2r", "ell2tx"), False),
        ("shapes3d", ("extrp", "missing_fh"), ("extrp", "fhue_gt50"), True),
        ("mpi3d_like", ("r2r", "cyl2hx"), ("r2r", "cyl2horz"), True),
        ("mpi3d_like", ("r2r", "redoc2hx"), ("r2r", "objc2horz"), True),
    ],
)
def test_which_are_the_same_images(name, one, other, same):
    sizes = DECLARATIONS[name].factor_space.sizes
    first, second = (
        np.broadcast_to(masks_of(name, *names).test.on_grid(), sizes) for names in (one, other)
    )
    assert np.array_equal(first, second) == same


def excluded(name, *names):
    """The words or numbers of the values of each factor that a hold-out tests, where not all."""
    space = DECLARATIONS[name].factor_space
    mask = np.broadcast_to(masks_of(name, *names).test.on_grid(), space.sizes)
    found = {}
    for k, factor in enumerate(space.names):
        some = mask.any(axis=tuple(a for a in range(mask.ndim) if a != k))
        if not some.all():
            words = space.value_names.get(factor, range(space.sizes[k]))
            found[factor] = [words[i] for i in np.flatnonzero(some)]
    return found


def test_published_masks_and_what_they_are_called_after():
    assert excluded("dsprites", "r2e", "leave1out")["shape"] == ["ellipse"]
    assert excluded("dsprites", "r2e", "leave1out_square")["shape"] == ["square"]
    outside = [*range(4), *range(19, 32)]
    published = excluded("dsprites", "r2r", "sqr2tx_ls")
    assert published == {"shape": ["ellipse"], "posX": outside}
    mirror = excluded("dsprites", "r2r", "sqr2tx_rs")["posX"]
    ours = excluded("dsprites", "r2r", "sqr2tx_ls_square")
    assert ours == {"shape": ["square"], "posX": [31 - x for x in reversed(mirror)]}
    flanks = [*range(8), *range(24, 32)]
    assert excluded("dsprites", "r2r", "sqr2tx_flnk_excluded")["posX"] == flanks
    assert excluded("dsprites", "r2r", "sqr2tx_flnk")["posX"] == list(range(8, 24))
    assert excluded("mpi3d_like", "r2r", "bkg2cyl")["object_shape"] == ["pyramid", "sphere"]
    assert excluded("mpi3d_like", "r2r", "bkg2cyl_cylinder") == {
        "object_shape": ["cylinder"], "background_color": ["salmon"]
    }  # fmt: skip
    assert excluded("shapes3d", "r2e", "leave1out")["shape"] == ["cylinder"]


def test_a_row_of_factors_is_where_it_is_in_the_grid():
    chosen = masks_of("mpi3d_like", "extrp", "horz_gt20", "even_vx")
    factors = np.zeros((3 * 40, 7), np.int64)
    factors[:, 5] = np.tile(np.arange(40), 3)
    factors[:, 6] = np.repeat([0, 1, 39], 40)
    training, test = chosen.of(factors)
    kept = factors[:, 6] % 2 == 1
    np.testing.assert_array_equal(training, kept & (factors[:, 5] < 20))
    np.testing.assert_array_equal(test, kept & (factors[:, 5] > 20))


def test_one_spelling():
    section = {"name": "circles", "condition": None, "variant": None, "holdout": None}
    assert masks(section, None) is None
    one = {"name": "mpi3d_like", "condition": "r2e", "modifiers": ["fix_hx", "even_vx", "fix_hx"]}
    assert resolve_holdout(one) == {
        "condition": "r2e", "variant": "leave1out", "modifiers": ["fix_hx", "even_vx"],
        "holdout": None,
    }  # fmt: skip
    for few in ([], None):
        assert resolve_holdout(one | {"modifiers": few})["modifiers"] is None


@pytest.mark.parametrize(
    "section, sentence",
    [
        ({"condition": "r2s"}, "unknown dataset.condition of dsprites 'r2s'; did you mean 'r2"),
        ({"condition": "r2r"}, "has several variants; give dataset.variant, one of sqr2tx, shape2"),
        ({"condition": "r2r", "variant": "sqr2ty"}, "has no variant 'sqr2ty'; did you mean 'sqr2"),
        ({"condition": "r2r", "variant": "leave1out"}, "it is one of dataset.condition=r2e"),
        ({"variant": "sqr2tx"}, "sqr2tx is of a condition; give dataset.condition, too"),
        ({"condition": "recomb2range"}, "dataset.condition=recomb2range is called r2r"),
        ({"condition": "extrp", "holdout": "posX > 1"}, "both say what is excluded; give one"),
        (
            {"condition": "extrp", "modifiers": ["fix_hx"]},
            "unknown dataset.modifiers of dsprites 'fix_hx'; choose from sparse_posX",
        ),
        ({"condition": "extrp", "modifiers": 3}, "must be a list of names, got 3"),
        ({"modifiers": "sparse_posX"}, r"list of names, got 'sparse_posX'; write \[sparse_posX\]"),
        (
            {"name": "cars3d", "condition": "extrp"},
            "dataset.condition: there are no published ones for cars3d, but for dsprites, .*write",
        ),
        ({"name": "digits", "condition": "r2r"}, "there are no published ones for digits"),
    ],
)
def test_what_is_refused(section, sentence):
    with pytest.raises(InputError, match=sentence):
        resolve_holdout({"name": "dsprites"} | section)


def test_a_data_set_without_factors_has_no_hold_outs():
    with pytest.raises(InputError, match="holdout excludes combinations .* digits has no factors"):
        masks_of("digits", holdout="shape == 1")
