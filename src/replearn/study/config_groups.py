"""Groups of runs that a study is about, by what their configs say at some path."""

from collections.abc import Mapping, Sequence
from typing import Any

from replearn.errors import InputError, nearest
from replearn.runs.run import Run
from replearn.runs.where import ABSENT, look_up, paths
from replearn.study.comparison import listed
from replearn.study.summary import short_names, varied_paths


def find_groups(runs: Sequence[Run], by: Any) -> dict[str, list[Run]]:
    """Return name -> the runs that have the same values at the config path `by`, or at several.

    Raises:
        InputError: if no run has such a path, there are fewer than two groups, or one has one run.
    """
    if by is None:
        raise InputError(
            "by=PATH says what parts runs into groups, such as by=dataset.label_noise; give one, "
            "or a list of them"
        )
    asked = [str(path) for path in listed(by, "by")]
    known = {path for run in runs for path, _ in paths(run.config)}
    for path in asked:
        if path not in known:
            raise InputError(f"by={path} is a config path of no run; {nearest(path, known)}")
    members: dict[str, list[Run]] = {}
    order: dict[str, list] = {}
    names = short_names(asked)
    for run in runs:
        found = [look_up(run.config, path) for path in asked]
        values = [None if value is ABSENT else value for value in found]
        name = ", ".join(f"{names[p]}={v}" for p, v in zip(asked, values, strict=True))
        members.setdefault(name, []).append(run)
        order[name] = [_sortable(value) for value in values]
    listed_by = ", ".join(asked)
    if len(members) < 2:
        raise InputError(
            f"all {len(runs)} runs are of one group by {listed_by} ({next(iter(members))}); widen "
            f"the query, or part them by another path"
        )
    for name, own in members.items():
        if len(own) < 2:
            raise InputError(
                f"the group {name} by {listed_by} has one run ({own[0].id}), so no pair of its "
                f"own; train more seeds of it, or leave it out of the query"
            )
    return {name: members[name] for name in sorted(members, key=lambda name: order[name])}


def other_differences(groups: Mapping[str, Sequence[Run]], by: Any) -> list[str]:
    """Return the config paths in which runs of one group differ, besides seeds."""
    asked = listed(by, "by")
    found = [path for members in groups.values() for path in varied_paths(members)]
    return [path for path in dict.fromkeys(found) if path not in asked]


def _sortable(value: Any) -> tuple[int, Any]:
    if value is None:
        return 0, 0
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return (1, value) if number else (2, str(value))
