"""Configurations: every key is known, every default is filled in, every run has its hash."""

import ast
import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from replearn.errors import InputError, nearest
from replearn.registry import lookup, parameters

# Keys that do not change what a run computes.
VOLATILE = frozenset(
    "device threads resume tags progress resume_every skip_finished cluster cluster_options".split()
)
# Keys in which the runs of one group differ.
SEEDS = frozenset({"seed", "init_seed", "order_seed", "noise_seed"})
DEVICES = ("auto", "cpu", "cuda")
# What the seeds of a `dataset` section draw.
_DRAWN = {"subset_seed": ("n", "per_class"), "noise_seed": ("label_noise", "shortcut")}
# Dictionaries whose keys are checked elsewhere: against a signature, or against runs and scores.
OPEN = (
    "params", "where", "rows", "columns", "against", "at_least", "at_most", "cluster_options",
)  # fmt: skip


def defaults(make: Callable) -> dict[str, Any]:
    """Return the parameters of a registered class or function that have a default.

    Those that its attribute `from_data` names follow from the data: no config has them.
    """
    hidden = getattr(make, "from_data", ())
    return {
        name: list(p.default) if isinstance(p.default, tuple) else p.default
        for name, p in parameters(make).items()
        if p.default is not p.empty and name not in hidden
    }


def unset(registry: Mapping[str, Callable]) -> dict[str, None]:
    """Return every parameter that any entry of `registry` takes from a config, as None.

    With these as an ingredient's defaults a misspelt key is refused, and no preset inherits a
    value from another.
    """
    return {key: None for make in registry.values() for key in defaults(make)}


def resolve(
    section: Mapping[str, Any], registry: Mapping[str, Callable], kind: str, path: str | None = None
) -> dict:
    """Return `section` with the defaults of the entry that it names filled in.

    Keys of other entries stay None; keys that no entry of the registry knows are left alone.

    Args:
        kind: what the registry holds, for the sentence.
        path: of the section in the config; `kind` unless given.

    Raises:
        InputError: if the name is unknown, or a key is set that the entry does not take.
    """
    make = lookup(registry, section["name"], kind)
    known = set(unset(registry))
    given = {k: v for k, v in section.items() if k in known and v is not None}
    filled = defaults(make)
    owner = f"{kind} {section['name']!r}"
    for key, value in given.items():
        if key not in filled:
            raise InputError(f"{owner} takes no parameter {key!r}; {nearest(key, filled)}")
        check_type(f"{path or kind}.{key}", filled[key], value)
    return {**section, **filled, **given}


def resolve_params(section: Mapping[str, Any], registry: Mapping[str, Callable], kind: str) -> dict:
    """Return `training.<kind>`, a name and params, with the defaults of the entry filled in.

    Raises:
        InputError: if the name or a parameter is unknown.
    """
    make = lookup(registry, section["name"], kind)
    owner = f"{kind} {section['name']!r}"
    given = {key: value for key, value in section["params"].items() if value is not None}
    filled = defaults(make)
    for key, value in given.items():
        if key not in filled:
            raise InputError(f"{owner} takes no parameter {key!r}; {nearest(key, filled)}")
        check_type(f"training.{kind}.params.{key}", filled[key], value)
    return {**section, "params": {**filled, **given}}


@contextmanager
def paths_named(path: str, params: Mapping[str, Any]) -> Iterator[None]:
    """Give an InputError that begins with one of `params` the full path of that key."""
    try:
        yield
    except InputError as error:
        text = str(error)
        if re.split(r"\W", text, maxsplit=1)[0] in params:
            raise InputError(f"{path}.{text}") from error
        raise


def check_updates(base: Mapping[str, Any], updates: Mapping[str, Any]) -> None:
    """Raise an InputError if an update sets a key that `base` does not have.

    Args:
        base: the configuration without updates.
        updates: nested updates, as Sacred parses them.
    """
    known = dict(leaves(base, keep_nodes=True))
    for path, value in leaves(updates):
        parts = path.split(".")
        if isinstance(known.get(path), Mapping) and not isinstance(value, Mapping):
            raise InputError(f"{path} must be a dictionary, got {value!r}; set {path}.KEY=VALUE")
        if any(part in OPEN and ".".join(parts[: i + 1]) in known for i, part in enumerate(parts)):
            continue
        if path not in known:
            raise InputError(f"unknown config key {path!r}; {nearest(path, known)}")
        check_type(path, known[path], value)
        if path in SEEDS:
            check_seed(path, value)
        elif path == "device" and value not in DEVICES:
            raise InputError(f"device must be auto, cpu or cuda, got {value!r}")


def check_seed(path: str, value: Any) -> None:
    """Raise an InputError unless `value` is None or a whole number that MongoDB can store."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    if value is not None and not (whole and 0 <= value < 2**63):
        raise InputError(f"{path} must be a whole number from 0 to 2**63 - 1, got {value!r}")


def parse_value(text: str) -> Any:
    """Return a value of the command line: a Python literal, a list of words `[a,b]`, or text."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        if text.startswith("[") and text.endswith("]"):
            return [parse_value(part.strip()) for part in text[1:-1].split(",") if part.strip()]
        return text


def parse_lists(updates: Mapping[str, Any]) -> dict[str, Any]:
    """Return Sacred's updates with lists of words, which it takes for text, as lists."""
    return {
        key: parse_lists(value)
        if isinstance(value, Mapping)
        else parse_value(value)
        if isinstance(value, str) and value.startswith("[")
        else value
        for key, value in updates.items()
    }


def check_type(path: str, default: Any, given: Any) -> None:
    """Raise an InputError if `given` is not of the kind of value that `default` is."""
    if default is None or given is None:
        return
    number = isinstance(given, (int, float)) and not isinstance(given, bool)
    for expected, kinds, fits in (
        ("True or False", bool, isinstance(given, bool)),
        ("a whole number", int, number and float(given).is_integer()),
        ("a number", float, number),
        ("a name", str, isinstance(given, str)),
        ("a dictionary", dict, isinstance(given, Mapping)),
    ):
        if isinstance(default, kinds):
            if not fits:
                raise InputError(f"{path} must be {expected}, got {given!r}")
            return


def check_training(section: Mapping[str, Any]) -> None:
    """Raise an InputError if the length, the batch or the logging of a training is impossible."""
    for key in ("epochs", "steps", "batch_size", "log_every", "validate_every", "n_validation"):
        if section[key] is not None or key not in ("epochs", "steps"):
            at_least_one(f"training.{key}", section[key])
    if section["steps"] is None and section["epochs"] is None:
        raise InputError("training needs a length: give training.steps or training.epochs")
    from replearn.models.precision import PRECISIONS  # torch: commands about runs need none

    if section["precision"] not in PRECISIONS:
        raise InputError(
            f"precision must be one of {', '.join(PRECISIONS)}, got {section['precision']!r}"
        )


def at_least_one(path: str, value: Any) -> None:
    """Raise an InputError unless `value` is a positive whole number."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InputError(f"{path} must be a whole number of at least 1, got {value!r}")


def whole_numbers(updates: Mapping[str, Any]) -> dict[str, Any]:
    """Return updates with floats that are whole, such as 64.0 and 1e5, as integers.

    What has to be a float takes an integer as well; what has to be an integer takes no float.
    """
    return {
        key: whole_numbers(value)
        if isinstance(value, Mapping)
        else int(value)
        if isinstance(value, float) and value.is_integer() and abs(value) < 2**53
        else value
        for key, value in updates.items()
    }


def config_hash(config: Mapping[str, Any], without: frozenset[str] = VOLATILE) -> str:
    """Return the sha256 of a resolved config without volatile keys; 1 and 1.0 are one value.

    Keys that are None, at any depth, are left out: None means "not set", so an option that is new,
    or that another entry of a registry has, does not change the hash of older configurations.
    """
    kept = {key: value for key, value in config.items() if key not in without}
    training = kept.get("training") or {}
    if training.get("steps") is not None:  # then epochs have no effect
        kept["training"] = {key: value for key, value in training.items() if key != "epochs"}
    if isinstance(data := kept.get("dataset"), Mapping):
        kept["dataset"] = what_images(data)
    return hashlib.sha256(canonical(_set_keys(kept)).encode()).hexdigest()


def what_images(section: Mapping[str, Any]) -> dict[str, Any]:
    """Return what chooses the images and the split in a `dataset` section, in one spelling.

    Without where they come from, what is not set, `train_fraction`, which `validation` implies, and
    the seeds of a subset and of altered images where there are none.
    """
    apart = {"download", "train_fraction"}
    for seed, drawn in _DRAWN.items():
        if all(section.get(key) is None for key in drawn):
            apart.add(seed)
    kept = {k: v for k, v in section.items() if v is not None and k not in apart}
    if isinstance(classes := kept.get("classes"), (list, tuple)):  # '3' is the class 3 of digits
        kept["classes"] = [int(c) if isinstance(c, str) and c.isdecimal() else c for c in classes]
    if (names := kept.get("modifiers")) is not None:  # each restricts the images: in any order
        kept["modifiers"] = sorted(set(names))
    return kept


def group_hash(config: Mapping[str, Any]) -> str:
    """Return the hash that runs share which differ in their seeds alone."""
    return config_hash(config, VOLATILE | SEEDS)


def canonical(value: Any) -> str:
    """Return JSON that is the same for every spelling of one value."""
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def _set_keys(value: Any) -> Any:
    """Return `value` without the keys of its mappings that are None."""
    if isinstance(value, Mapping):
        return {key: _set_keys(item) for key, item in value.items() if item is not None}
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value


def leaves(
    tree: Mapping[str, Any], prefix: str = "", keep_nodes: bool = False
) -> Iterator[tuple[str, Any]]:
    """Yield the dotted path and the value of every leaf of nested mappings, or of every node."""
    for key, value in tree.items():
        path = f"{prefix}{key}"
        nested = isinstance(value, Mapping)
        if keep_nodes or not nested or not value:
            yield path, value
        if nested:
            yield from leaves(value, f"{path}.", keep_nodes)
