"""Presets on the command line: they exist, and of two that name one spec the later one counts."""

from collections.abc import Mapping, Sequence
from typing import Any

from sacred import Experiment
from sacred.config import ConfigDict

from replearn.errors import InputError, nearest
from replearn.runs.config import leaves

FILES = (".json", ".yaml", ".yml", ".pickle")


def check_presets(experiment: Experiment, names: Sequence[str]) -> None:
    """Raise an InputError if a named config does not exist, or is a file.

    Sacred decodes preset files with jsonpickle, which calls what a file names, and no check of
    keys sees what they set.
    """
    known = {name for name, _ in experiment.gather_named_configs()}
    for name in names:
        if name not in known:
            if name.endswith(FILES):
                raise InputError(
                    f"presets are names, see 'print_named_configs', got the file {name!r}; "
                    f"give values as KEY=VALUE"
                )
            raise InputError(f"unknown preset {name!r}; {nearest(name, known)}")


def replace_specs(
    experiment: Experiment, names: Sequence[str], updates: Mapping[str, Any]
) -> list[str]:
    """Let whoever names a spec last replace it whole; return the presets to use, each once.

    Sacred merges presets key by key: parameters of one loss would stay for the next. Here a spec
    (a dictionary with `name`) is taken out of a preset if a later preset names the same one, or an
    update gives it another name. Values of the other updates still win over those of presets.

    Args:
        experiment: whose named configs are changed in place: give it copies.
        names: of the presets, in order.
        updates: nested, as Sacred parses them.
    """
    typed = {path: name for path, name in leaves(updates) if path.endswith(".name")}
    homes = {
        name if part is experiment else f"{part.path}.{name}": (part, name)
        for part, _ in experiment.traverse_ingredients()
        for name in part.named_configs
    }
    last_first = list(dict.fromkeys(reversed(names)))
    seen: set[str] = set()
    for full_name in last_first:
        part, name = homes[full_name]
        if isinstance(preset := part.named_configs[name], ConfigDict):
            prefix = "" if part is experiment else f"{part.path}."
            found: set[str] = set()
            part.named_configs[name] = ConfigDict(_without(preset(), prefix, seen, typed, found))
            seen |= found
    return last_first[::-1]


def _without(
    content: Mapping[str, Any],
    prefix: str,
    seen: set[str],
    typed: Mapping[str, Any],
    found: set[str],
) -> dict[str, Any]:
    """Return `content` without specs that are `seen` or `typed` by another name; add to `found`."""
    kept = {}
    for key, value in content.items():
        path = f"{prefix}{key}"
        if isinstance(value, Mapping) and "name" in value:
            found.add(path)
            if path in seen or typed.get(f"{path}.name", value["name"]) != value["name"]:
                continue
        elif isinstance(value, Mapping):
            value = _without(value, f"{path}.", seen, typed, found)
        kept[key] = value
    return kept
