"""What a table of scores over seeds shows: mean ± 95 % Student interval, best in bold, tests."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from replearn.analysis.statistics import (
    MIN_SEEDS,
    Interval,
    PairedTest,
    holm,
    paired_test,
    student_interval,
)
from replearn.errors import InputError, nearest

# A paired test is significant if its p value, corrected for all of its column, is below this.
ALPHA = 0.05


@dataclass(frozen=True)
class Column:
    """One score: the key of its values in `Group.cells`, and how they are shown.

    Args:
        key: the name of the score in the cells.
        name: the heading; the key by default.
        unit: shown in brackets behind the name.
        better: "higher" or "lower" is the best; None marks no best.
        digits: decimals of mean and interval.
    """

    key: str
    name: str = ""
    unit: str = ""
    better: str | None = None
    digits: int = 3


@dataclass(frozen=True)
class Group:
    """One row: runs that differ in their seed alone.

    Args:
        labels: what the row is, heading -> text: {"model": "β-VAE", "β": "8"}.
        cells: key of a column -> one value per seed (also a single number); NaN is a run
            without this score, and is reported.
        runs: ids of the runs.
        seeds: of the values, in their order; values of equal seeds in two rows are pairs.
        data: what the values are of: no row is the best of rows with other data.
        origin: further lists with an item for each of `runs`, for those who trace a number.
    """

    labels: Mapping[str, object]
    cells: Mapping[str, float | Iterable[float]]
    runs: Sequence[int] = ()
    seeds: Sequence[Hashable] = ()
    data: str = ""
    origin: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    def values(self, key: str) -> list[float]:
        """Return the values of one score, none if the row does not have it."""
        values = self.cells.get(key, ())
        return [float(v) for v in ([values] if np.isscalar(values) else values)]  # type: ignore


@dataclass(frozen=True)
class Against:
    """What the rows of a table are compared with.

    Args:
        name: of those rows, for the caption: "beta=1".
        rows: for each row the index of the one that it is compared with, or None.
    """

    name: str
    rows: Sequence[int | None]


@dataclass(frozen=True)
class Cell:
    """What one place of a table shows; `note` says where its count is not that of the row.

    `difference`, its half width and its number of pairs are of the comparison with another row, and
    `marked` says that it is significant.
    """

    mean: str
    half_width: str = ""
    best: bool = False
    note: str = ""
    difference: str = ""
    difference_half_width: str = ""
    pairs: int = 0
    marked: bool = False


@dataclass(frozen=True)
class Layout:
    """A table before it is LaTeX, HTML or Markdown: texts not yet escaped.

    `counts` and `pairs` are the seeds of each row, and those that it shares with the row that it is
    compared with; a cell with fewer says so itself.
    """

    label_names: list[str]
    columns: list[Column]
    labels: list[list[str]]
    cells: list[list[Cell]]
    counts: list[int]
    runs: list[int]
    pairs: list[int]
    against: str = ""
    unpaired: int = 0
    untested: bool = False
    several_data: bool = False

    @property
    def legend(self) -> str:
        """Return the sentences that explain what the table shows, and no more than that."""
        shown = [cell for row in self.cells for cell in row]
        corrected = f"Holm-corrected within the column{' and data set' * self.several_data}"
        parts = ["Mean over n seeds"]
        if any(cell.half_width for cell in shown):
            parts = [f"Mean ± 95 % Student-t interval over n seeds, where n ≥ {MIN_SEEDS}"]
        if any(cell.best for cell in shown):
            parts.append(
                "bold: the best mean, and those that a paired t-test over equal seeds does not "
                f"find worse (p ≥ {ALPHA}, {corrected})"
            )
        if self.untested:
            parts.append(f"rows with fewer than {MIN_SEEDS} seeds of the best one are not tested")
        arrows = {"higher": "↑ higher is better", "lower": "↓ lower is better"}
        parts += [arrows[b] for b in arrows if any(c.better == b for c in self.columns)]
        return "; ".join(parts) + "." + self._legend_of_differences(shown, corrected)

    def _legend_of_differences(self, shown: Sequence[Cell], corrected: str) -> str:
        if not self.against:
            return ""
        parts = [f"Δ: difference to {self.against} of the runs with equal seeds"]
        if any(cell.difference_half_width for cell in shown):
            parts = [f"{parts[0]}, mean ± 95 % interval over n pairs, or Δ n"]
            parts.append(f"* p < {ALPHA} in a paired t-test, {corrected}")
        if self.unpaired:
            parts.append(f"{self.unpaired} runs without a partner of equal seeds are in no Δ")
        return f" {'; '.join(parts)}."


def lay_out(
    groups: Sequence[Group], columns: Sequence[Column], against: Against | None = None
) -> Layout:
    """Return the layout of a table with one row per group and one column per score.

    Bold are, among the rows of the same data with at least 3 seeds and none missing, the best mean
    of a column, what prints the same, and what a paired t-test does not find worse; nothing is if
    there are no two rows to compare. A column whose intervals would all be printed as 0 has more
    decimals, so that what prints the same is the same for all that is known.

    Raises:
        InputError: if there is nothing to show, a direction is unknown, or no group has a column.
    """
    _check(groups, columns)
    names = list(dict.fromkeys(name for group in groups for name in group.labels))
    intervals = [[student_interval(g.values(c.key)) for c in columns] for g in groups]
    counts = [max(i.n + i.missing for i in row) for row in intervals]
    columns = [_fine_enough(c, [row[j] for row in intervals]) for j, c in enumerate(columns)]
    shown, untested = [], False
    for j, column in enumerate(columns):
        own = [row[j] for row in intervals]
        best, tested = _best(column, groups, own)
        untested = untested or not tested
        differences = _differences(column, groups, against) if against else {}
        shown.append(
            [
                _cell(column, own[i], best[i], counts[i], *differences.get(i, (None, False)))
                for i in range(len(groups))
            ]
        )
    return Layout(
        names,
        list(columns),
        [[str(group.labels.get(name, "")) for name in names] for group in groups],
        [list(row) for row in zip(*shown, strict=True)],
        counts,
        sorted({int(run) for group in groups for run in group.runs}),
        [max(cells[i].pairs for cells in shown) for i in range(len(groups))],
        against.name if against else "",
        len(unpaired_runs(groups, against)) if against else 0,
        untested,
        len({group.data for group in groups}) > 1,
    )


def _fine_enough(column: Column, intervals: Sequence[Interval]) -> Column:
    """Return the column with as many decimals as its widest interval needs, 4 more at most."""
    widest = max((i.half_width or 0.0 for i in intervals), default=0.0)
    if not widest > 1e-12 * max(abs(i.mean) for i in intervals):  # rounding
        return column
    wanted = int(np.ceil(-np.log10(widest)))
    return replace(column, digits=int(np.clip(wanted, column.digits, column.digits + 4)))


def unpaired_runs(groups: Sequence[Group], against: Against) -> list[int]:
    """Return the runs of compared rows that no run of equal seeds stands against."""
    compared = [(g, groups[i]) for g, i in zip(groups, against.rows, strict=True) if i is not None]
    alone = [
        run
        for pair in compared
        for one, other in (pair, pair[::-1])
        for run, seed in zip(one.runs, one.seeds, strict=False)
        if seed not in other.seeds
    ]
    return sorted(set(alone))


def _check(groups: Sequence[Group], columns: Sequence[Column]) -> None:
    if not groups or not columns:
        raise InputError("a table needs at least one group of runs and one score, got none.")
    known = {key for group in groups for key in group.cells}
    for column in columns:
        if column.better not in ("higher", "lower", None):
            raise InputError(
                f"the better of {column.key!r} is 'higher', 'lower' or None, not {column.better!r}."
            )
        if column.key not in known:
            raise InputError(f"no group has a score {column.key!r}: {nearest(column.key, known)}")


def _test(one: Group, other: Group, key: str) -> PairedTest:
    """Return the test of one - other, over the seeds that both have."""
    a, b = (dict(zip(g.seeds, g.values(key), strict=False)) for g in (one, other))
    shared = [seed for seed in a if seed in b]
    return paired_test([a[seed] for seed in shared], [b[seed] for seed in shared])


def _significant(tests: Sequence[PairedTest]) -> list[bool]:
    return (holm([np.nan if test.p is None else test.p for test in tests]) < ALPHA).tolist()


def _best(
    column: Column, groups: Sequence[Group], intervals: Sequence[Interval]
) -> tuple[list[bool], bool]:
    """Return which rows are bold, and whether all that could be were tested."""
    bold, all_tested = [False] * len(groups), True
    for data in dict.fromkeys(group.data for group in groups):
        rows = [
            i
            for i, (group, interval) in enumerate(zip(groups, intervals, strict=True))
            if group.data == data and interval.n >= MIN_SEEDS and not interval.missing
        ]
        if column.better is None or len(rows) < 2:
            continue
        sign = 1 if column.better == "higher" else -1
        best = max(rows, key=lambda i: sign * intervals[i].mean)
        others = [i for i in rows if i != best]
        tests = [_test(groups[i], groups[best], column.key) for i in others]
        printed = {i: _rounded(intervals[i].mean, column.digits) for i in rows}
        bold[best] = True
        for i, test, worse in zip(others, tests, _significant(tests), strict=True):
            same = printed[i] == printed[best]
            bold[i] = same or (test.p is not None and not worse)
            all_tested = all_tested and (same or test.p is not None)
    return bold, all_tested


def _differences(
    column: Column, groups: Sequence[Group], against: Against
) -> dict[int, tuple[PairedTest, bool]]:
    """Return row -> its difference to the row that it is compared with; is it significant?"""
    found: dict[int, tuple[PairedTest, bool]] = {}
    for data in dict.fromkeys(group.data for group in groups):
        pairs = [
            (i, j)
            for i, j in enumerate(against.rows)
            if j is not None and j != i and groups[i].data == data
        ]
        tests = [_test(groups[i], groups[j], column.key) for i, j in pairs]
        for (i, _), test, marked in zip(pairs, tests, _significant(tests), strict=True):
            found[i] = (test, marked)
    return found


def _cell(
    column: Column,
    interval: Interval,
    best: bool,
    count: int,
    test: PairedTest | None,
    marked: bool,
) -> Cell:
    if interval.n == 0:
        return Cell("–", note=f"{interval.missing} missing" if interval.missing else "")
    half = interval.half_width
    notes = [f"n = {interval.n}"] if interval.n != count else []
    notes += [f"{interval.missing} missing"] if interval.missing else []
    cell = Cell(
        _rounded(interval.mean, column.digits),
        f"{half:.{column.digits}f}" if half is not None else "",
        best,
        ", ".join(notes),
    )
    if test is None or test.n == 0:
        return cell
    difference = _rounded(test.difference, column.digits)
    return Cell(
        cell.mean,
        cell.half_width,
        cell.best,
        cell.note,
        difference if difference.startswith("-") or not float(difference) else f"+{difference}",
        f"{test.half_width:.{column.digits}f}" if test.half_width is not None else "",
        test.n,
        marked,
    )


def _rounded(value: float, digits: int) -> str:
    text = f"{value:.{digits}f}"
    return text.lstrip("-") if float(text) == 0 else text
