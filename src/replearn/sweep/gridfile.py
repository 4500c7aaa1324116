"""Grids from a YAML file: the same axes as on the command line, and axes that change together.

experiment: experiments.unsupervised
with: [dataset.digits, dataset.size=64, progress=False]
axes:
  - model.kim,locatello
  - seed: [0, 1, 2]
zip:
  - training.batch_size: [16, 64]
    training.steps: [4000, 1000]
"""

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from replearn.errors import InputError, nearest
from replearn.runs.config import parse_value
from replearn.sweep.grid import Axis, Grid, check_key, check_kinds, parse_axes, parse_axis

KEYS = ("experiment", "with", "axes", "zip")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+")  # a word to YAML 1.1 without . or sign


def read_grid(path: str | Path, words: Sequence[str] = ()) -> Grid:
    """Return the grid of a YAML file, followed by further words of the command line.

    Raises:
        InputError: if the file cannot be read, or is not made of the keys that the module shows.
    """
    content = _load(Path(path))
    try:
        axes = [*_axes(content.get("with"), "with"), *_axes(content.get("axes"), "axes")]
        zipped = content.get("zip") or []
        if not isinstance(zipped, list):
            raise InputError("'zip' must be a list of groups, each of axes of one length")
        return Grid((*axes, *map(_zip, zipped), *parse_axes(words)))
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except RecursionError:
        raise InputError(f"{path}: a value contains itself; expected plain values") from None


def read_experiment(path: str | Path) -> str | None:
    """Return the experiment that a YAML file names, None if it names none."""
    name = _load(Path(path)).get("experiment")
    if name is not None and not isinstance(name, str):
        raise InputError(f"{path}: 'experiment' must be a name, got {name!r}")
    return name


def spell(value: Any) -> str:
    """Return a value as the command line takes it: `parse_value` gives the value back."""
    if isinstance(value, str):
        plain = value and value == value.strip() and parse_value(value) == value
        return value if plain or _NUMBER.fullmatch(value) else repr(value)
    return repr(_plain(value))


def _load(path: Path) -> dict[str, Any]:
    try:
        import yaml
    except ImportError:
        raise InputError(
            "a grid in a file needs PyYAML; install replearn with its extra: pip install '.[sweep]'"
        ) from None
    try:
        content = _parse(path.read_text())
    except OSError as error:
        raise InputError(f"the grid {path} cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        raise InputError(
            f"{path} is no grid in YAML: {getattr(error, 'problem', None) or 'it is no text'}"
            f"{where}; expected the keys {', '.join(KEYS)}"
        ) from None
    if not isinstance(content, dict):
        raise InputError(
            f"{path} holds no grid; expected the keys {', '.join(KEYS)}, such as 'axes: {{seed: "
            f"[0, 1]}}'"
        )
    for key in content:
        if key not in KEYS:
            raise InputError(f"{path} has the unknown key {key!r}; {nearest(str(key), KEYS)}")
    return content


def _parse(text: str) -> Any:
    """Return the content of YAML as plain data; a key that is given twice is an error."""
    import yaml

    class Loader(yaml.SafeLoader):
        def construct_mapping(self, node: Any, deep: bool = False) -> dict:
            keys = [key.value for key, _ in node.value]
            if repeated := [key for key in keys if keys.count(key) > 1]:
                problem = f"{repeated[0]!r} is given twice"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
            return super().construct_mapping(node, deep)

    loader = Loader(text)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


def _axes(part: Any, name: str) -> list[Axis]:
    """Return the axes of a mapping KEY: VALUES, or of a list of such mappings and of words."""
    if part is None:
        return []
    if isinstance(part, Mapping):
        return [_axis(key, values, name) for key, values in part.items()]
    if not isinstance(part, list):
        raise InputError(
            f"{name!r} must be a list of words and of KEY: [VALUES], or a mapping, got {part!r}"
        )
    axes = []
    for item in part:
        axes += _axes(item, name) if isinstance(item, Mapping) else [_word(item, name)]
    return axes


def _word(item: Any, name: str) -> Axis:
    if not isinstance(item, str):
        raise InputError(
            f"{name!r} holds words such as model.kim and mappings such as seed: [0, 1], "
            f"got {item!r}"
        )
    return parse_axis(item)


def _axis(key: Any, values: Any, name: str) -> Axis:
    check_key(str(key), f"{key}: {values}")
    if name == "with":  # here a list is one value
        return Axis(str(key), ((f"{key}={spell(values)}",),))
    if not isinstance(values, list):
        raise InputError(
            f"the axis {key!r} must be a list of values, got {values!r}; a single value belongs "
            f"to 'with'"
        )
    if not values:
        raise InputError(f"the axis {key!r} has no values; give at least one, or leave it out")
    words = [spell(value) for value in values]
    check_kinds(str(key), words)
    return Axis(str(key), tuple((f"{key}={word}",) for word in words))


def _zip(group: Any) -> Axis:
    axes = _axes(group, "zip")
    sizes = {axis.name: len(axis) for axis in axes}
    if not axes:
        raise InputError("a group of 'zip' is empty; expected axes of one length")
    if len(set(sizes.values())) > 1:
        shown = ", ".join(f"{name} has {size}" for name, size in sizes.items())
        raise InputError(f"the axes of a group of 'zip' must have one length, but {shown} values")
    positions = zip(*(axis.positions for axis in axes), strict=True)
    together = tuple(tuple(word for words in each for word in words) for each in positions)
    return Axis(" + ".join(sizes), together)


def _plain(value: Any) -> Any:
    """Return a value with words that are numbers (1e-4) as numbers, at any depth."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return float(value)
    if isinstance(value, str | int | None) or (isinstance(value, float) and math.isfinite(value)):
        return value
    raise InputError(f"expected finite numbers, words, lists and mappings, got {value}")
