"""The plan of a sweep: its points as checked configurations, each once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tqdm import tqdm

from replearn.errors import InputError
from replearn.runs.config import config_hash, group_hash, parse_value
from replearn.runs.resolving import Resolver
from replearn.study.fitting import FitChecker


@dataclass(frozen=True)
class Point:
    """One configuration of a sweep, the words that gave it, and its hashes."""

    words: list[str]
    config: dict[str, Any]
    config_hash: str
    group_hash: str


def make_plan(experiment: Any, grid: Iterable[Sequence[str]]) -> list[Point]:
    """Resolve the points of a grid in this process; two spellings of a configuration are one point.

    Args:
        experiment: Sacred's.
        grid: the words of each point, from `replearn.sweep.grid`.

    Raises:
        InputError: if a point has an unknown key, preset or value; the sentence names the nearest.
    """
    points: dict[str, Point] = {}
    resolver = Resolver(experiment)
    grid = list(grid)
    slow = None if len(grid) > 200 else True  # None: a bar in a terminal, nothing in a log file
    for words in tqdm(grid, "plan", unit="point", disable=slow, leave=False):
        _check_own_words(words)
        config = resolver.resolve(words)
        key = config_hash(config)
        if key not in points:
            points[key] = Point(list(words), config, key, group_hash(config))
    return list(points.values())


def check_points(points: Sequence[Point], here: bool = True) -> None:
    """Refuse points whose images cannot be had, or do not fit their model or their targets.

    Args:
        points: that are to run.
        here: whether they find the files that this process finds.

    Raises:
        InputError: the first sentence that is found, and how many points it is about.
    """
    checker = FitChecker(here)
    faults = {point.config_hash: checker.fault(point.config) for point in points}
    wrong = [point for point in points if faults[point.config_hash] is not None]
    if not wrong:
        return
    first = faults[wrong[0].config_hash]
    same = [point for point in wrong if faults[point.config_hash] == first]
    others = len(wrong) - len(same)
    more = f"; {others} more cannot run for other reasons" if others else ""
    raise InputError(
        f"{first} ({len(same)} of {len(points)} points, such as {' '.join(same[0].words)}{more})"
    )


def labels(words: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return config hash -> the words by which a point differs from the others.

    Args:
        words: config hash -> all words of a point.
    """
    common = set.intersection(*map(set, words.values())) if words else set()
    return {
        key: " ".join(word for word in each if word not in common) or " ".join(each)
        for key, each in words.items()
    }


def _check_own_words(words: Sequence[str]) -> None:
    for word in words:
        key, _, value = word.partition("=")
        if key == "seed" and parse_value(value) is None:
            raise InputError(
                f"{word!r} draws another seed each time, so no point would ever be finished; give "
                f"numbers: seed=0,1,2"
            )
        if key == "resume":
            raise InputError(
                f"{word!r} is of one run, and a sweep resumes its interrupted runs by itself; "
                f"leave it out"
            )
