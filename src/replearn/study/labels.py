"""Labels of groups of runs: one pair of columns for parameters of which each entry varies one."""

from collections.abc import Mapping, Sequence
from typing import Any


def own_parameters(
    varied: Sequence[str], configs: Sequence[Mapping[str, Any]]
) -> dict[str, dict[Any, str]]:
    """Return for a varied `….name` which one of its parameters varies within each of its values.

    Objectives differ in their strengths: the β of one is the γ of another. Columns of their own
    for all of these would be empty for most rows, so two columns show them all.

    Args:
        varied: config paths in which runs differ.
        configs: of the runs: flat, path -> value.

    Returns:
        path of the name -> value of the name -> path of the parameter; only names that have
        several varied parameters, of which each value varies exactly one.
    """
    found = {}
    for name in (path for path in varied if path.endswith(".name")):
        params = [p for p in varied if p.startswith(name.removesuffix("name") + "params.")]
        own = {
            value: [p for p in params if _varies(p, name, value, configs)]
            for value in {config.get(name) for config in configs}
        }
        if len(params) > 1 and all(len(paths) == 1 for paths in own.values()):
            found[name] = {value: path for value, (path,) in own.items()}
    return found


def label_values(
    names: Mapping[str, str], own: Mapping[str, Mapping[Any, str]], config: Mapping[str, Any]
) -> dict[str, Any]:
    """Return label -> value of one run.

    Args:
        names: varied path -> what its label is called.
        own: of `own_parameters`; they share the labels `parameter` and `value`.
        config: of the run: flat, path -> value.
    """
    values = {}
    for path, name in names.items():
        section = path.partition("params.")[0] + "name"
        if path != section and section in own:
            parameter = own[section][config.get(section)]
            values["parameter"] = parameter.rpartition(".")[2]
            values["value"] = config.get(parameter)
        else:
            values[name] = config.get(path)
    return values


def _varies(path: str, name: str, value: Any, configs: Sequence[Mapping[str, Any]]) -> bool:
    return len({repr(c.get(path)) for c in configs if c.get(name) == value}) > 1
