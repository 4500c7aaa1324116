"""Grids: words with commas, or a YAML file, as the command lines of all their points.

`model.kim,locatello seed=0,1,2` has two axes and six points. A comma is one of an axis unless it
stands in brackets or quotes; the last axis changes fastest.
"""

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from replearn.errors import InputError
from replearn.runs.config import parse_value

MOST_POINTS = 20_000  # a sweep's document holds 16 MB
_OPEN, _CLOSE = "([{", ")]}"
# What comes before a quote that begins a text; another quote is an apostrophe.
_BEFORE_TEXT = (*_OPEN, "=", ",", ":", " ")


@dataclass(frozen=True)
class Axis:
    """One axis of a grid: at each position a few words, which change together."""

    name: str
    positions: tuple[tuple[str, ...], ...]

    def __len__(self) -> int:
        return len(self.positions)


@dataclass(frozen=True)
class Grid:
    """The product of axes; a fixed word is an axis of one position."""

    axes: tuple[Axis, ...]

    def __post_init__(self) -> None:
        """Refuse a grid without words, with a key that is set twice, or of too many points."""
        if not self.axes:
            raise InputError(
                "the grid is empty: expected words such as dataset.mnist seed=0,1,2 after 'with'"
            )
        keys = Counter(
            word.partition("=")[0]
            for axis in self.axes
            for word in axis.positions[0]
            if "=" in word
        )
        for key, count in keys.items():
            if count > 1:
                raise InputError(
                    f"{key} is given {count} times; give all its values at once: {key}=A,B"
                )
        if len(self) > MOST_POINTS:
            raise InputError(
                f"the grid has {len(self):,} points ({self.shape()}); at most {MOST_POINTS:,} fit "
                f"into one sweep, so leave out some values"
            )

    def __len__(self) -> int:
        return math.prod(len(axis) for axis in self.axes)

    def points(self) -> list[list[str]]:
        """Return the words of every point, the last axis fastest."""
        positions = (axis.positions for axis in self.axes)
        return [list(itertools.chain(*chosen)) for chosen in itertools.product(*positions)]

    def shape(self) -> str:
        """Return axes and sizes as text: `model (2) x seed (3)`; fixed words are left out."""
        return " x ".join(f"{a.name} ({len(a)})" for a in self.axes if len(a) > 1)


def expand(words: Sequence[str]) -> list[list[str]]:
    """Return the words of every point of the grid that the words after `with` stand for."""
    return Grid(parse_axes(words)).points()


def parse_axes(words: Iterable[str]) -> tuple[Axis, ...]:
    """Return the axes of the words after `with`, in order."""
    return tuple(map(parse_axis, words))


def parse_axis(word: str) -> Axis:
    """Return the axis of one word, such as `seed=0,1`, `model.kim,locatello` or `fast`.

    Raises:
        InputError: if a value is missing, brackets or quotes do not close, or kinds are mixed.
    """
    if word.startswith("-"):
        raise InputError(
            f"the option {word!r} stands after 'with', where the experiment's words are; options "
            f"of the sweep come first: python -m sweep --dry-run EXPERIMENT with ..."
        )
    key, equals, text = word.partition("=")
    key = key.strip()
    if not equals:
        return _presets(key)
    check_key(key, word)
    values = split(text, word)
    if not all(values):
        what = "a value is missing" if len(values) > 1 else "there is no value"
        raise InputError(f"{what} in {word!r}; expected {key}=VALUE or {key}=VALUE,VALUE,...")
    check_kinds(key, values)
    return Axis(key, tuple((f"{key}={value}",) for value in values))


def split(text: str, word: str) -> list[str]:
    """Return the parts of `text` between commas outside brackets and quotes.

    Raises:
        InputError: if brackets or quotes do not close; it names the `word`.
    """
    parts, closers, quote, before = [""], [], "", "="
    for letter in text:
        if quote:
            quote = "" if letter == quote and before != "\\" else quote
        elif letter in "'\"" and before in _BEFORE_TEXT:
            quote = letter
        elif letter in _OPEN:
            closers.append(_CLOSE[_OPEN.index(letter)])
        elif letter in _CLOSE and (not closers or closers.pop() != letter):
            raise InputError(f"{letter!r} closes nothing in {word!r}; brackets come in pairs")
        if letter == "," and not closers and not quote:
            parts.append("")
        else:
            parts[-1] += letter
        before = letter
    if closers or quote:
        raise InputError(f"{(quote or closers[-1])!r} is missing at the end of {word!r}")
    return [part.strip() for part in parts]


def check_key(key: str, word: str) -> None:
    """Raise an InputError unless `key` can be a path of a config."""
    if not all(part.isidentifier() for part in key.split(".")):
        raise InputError(
            f"expected KEY=VALUE,VALUE or PRESET,PRESET, got {word!r}; keys are paths such as "
            f"training.steps, and a preset takes no value"
        )


def check_kinds(key: str, values: Sequence[str]) -> None:
    """Raise an InputError if an axis mixes numbers, words and truth values.

    None, which means "not set", and lists go with everything.
    """
    kinds = {kind: value for value in values if (kind := _kind(value))}
    if len(kinds) > 1:
        (one, first), (other, second), *_ = kinds.items()
        raise InputError(
            f"the values of {key} are of mixed kinds: {first} is a {one}, {second} a {other}; "
            f"expected values of one kind"
        )


def _presets(text: str) -> Axis:
    """Return the axis of presets; later ones take the prefix of the first."""
    first, *others = names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise InputError(f"a name is missing in {text!r}; expected PRESET,PRESET,...")
    prefix = first.rpartition(".")[0]
    full = [first, *(name if "." in name or not prefix else f"{prefix}.{name}" for name in others)]
    name = (prefix or "preset") if others else first
    return Axis(name, tuple((each,) for each in full))


def _kind(value: str) -> str | None:
    kinds = {bool: "truth value", int: "number", float: "number", str: "word", dict: "dictionary"}
    return kinds.get(type(parse_value(value)))
