"""What is behind a number of a LaTeX table: its runs, their scores, and the number made again."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from replearn.analysis.table_origin import PrintedTable, read_tables
from replearn.analysis.table_text import (
    heading,
    latex_row,
    plain_cell,
    plain_difference,
    row_name,
)
from replearn.analysis.tables import Group, Layout, lay_out
from replearn.errors import InputError, nearest
from replearn.runs.config import SEEDS
from replearn.runs.lineage import ids_here
from replearn.runs.query import find_whole
from replearn.runs.run import Run
from replearn.study.summary import scores_of, seeds_of, start_of

if TYPE_CHECKING:
    from pymongo.database import Database


@dataclass(frozen=True)
class TracedTable:
    """A table of a file, and the same table made again from the database.

    Attributes:
        printed: as the file has it.
        layout: as the database gives it.
        groups: its rows with their values.
        scored: for each row, each run with its analysis (or None).
    """

    printed: PrintedTable
    layout: Layout
    groups: Sequence[Group]
    scored: Sequence[Sequence[tuple[Run, Run | None]]]

    def differences(self) -> list[str]:
        """Return a sentence for each place where the file prints something else."""
        rows, width = range(len(self.groups)), len(self.printed.entries[0])
        return [s for i in rows for j in range(width) if (s := self.difference(i, j))]

    def difference(self, row: int, column: int) -> str:
        """Return what a place prints and what the database gives, empty if they are equal."""
        found, wanted = self.printed.entries[row][column], latex_row(self.layout, row)[column]
        if found.split() == wanted.split():
            return ""
        place = f"row {row + 1} ({row_name(self.groups[row])}), column {self._heads()[column]}"
        return f"{place}: the file prints {_plain(found)}, the database gives {_plain(wanted)}"

    def lines(self, row: int, column: int) -> list[str]:
        """Return the runs, scores and seeds behind a number, and what they amount to."""
        labels = len(self.layout.label_names)
        group, head = self.groups[row], self._heads()[column]
        lines = [f"{self.printed.label}: row {row + 1} ({row_name(group)}), column {head}"]
        lines.append(f"printed: {_plain(self.printed.entries[row][column])}")
        if column == labels + len(self.layout.columns):
            return lines + [_run_line(run) for run, _ in self.scored[row]]
        score, cell = self.layout.columns[column - labels], self.layout.cells[row][column - labels]
        lines += self._values(row, score.key)
        half = " ± half width of the 95 % Student-t interval" if cell.half_width else ""
        n = int(np.isfinite(group.values(score.key)).sum())
        lines.append(f"mean{half}: {plain_cell(cell)}, n = {n}")
        if (other := self._compared_with(row)) is not None:
            lines.append(f"against row {other + 1} ({row_name(self.groups[other])}):")
            lines += self._values(other, score.key)
            lines.append(plain_difference(cell, cell.pairs) or "no pair of equal seeds")
        return lines

    def place(self, row: str, column: str) -> tuple[int, int]:
        """Return the indices of a row and a column, named by 1-based numbers or by their labels.

        Raises:
            InputError: if there is no such number, or a label names none or several.
        """
        labels = len(self.layout.label_names)
        names: list[set[str]] = [{name} for name in self.layout.label_names]
        names += [{c.key, c.name, heading(c)} - {""} for c in self.layout.columns] + [{"n"}]
        j = _index(column, names, "column", self._heads())
        if j < labels:
            raise InputError(
                f"column {j + 1} ({self._heads()[j]}) is a label of the rows and no number; the "
                f"numbers stand in columns {labels + 1} to {len(names)}"
            )
        rows = [
            {row_name(g), *map(str, g.labels.values()), *(f"{k}={v}" for k, v in g.labels.items())}
            for g in self.groups
        ]
        return _index(row, rows, "row", [row_name(group) for group in self.groups]), j

    def runs(self, row: int | None = None) -> list[Run]:
        """Return the runs and analyses of a row and of what it is compared with, or of all."""
        rows = range(len(self.groups)) if row is None else [row, self._compared_with(row)]
        pairs = [pair for i in rows if i is not None for pair in self.scored[i]]
        return list({run.id: run for pair in pairs for run in pair if run is not None}.values())

    def _compared_with(self, row: int) -> int | None:
        against = self.printed.against
        return None if against is None else against.rows[row]

    def _heads(self) -> list[str]:
        return [*self.layout.label_names, *(c.name or c.key for c in self.layout.columns), "n"]

    def _values(self, row: int, key: str) -> Iterator[str]:
        for run, analysis in self.scored[row]:
            value = scores_of(run, analysis).get(key)
            own = isinstance(run.result, Mapping) and key in run.result
            source = run if own or analysis is None else analysis
            shown = "has no such score" if value is None else f"{key} = {value!r}"
            yield f"{_run_line(run)}: {shown}, result of run {source.id} ({source.experiment})"


def trace_tables(text: str, database: "Database", name: str, only: str = "") -> list[TracedTable]:
    """Return the tables of a LaTeX file beside what the database gives for them.

    Args:
        text: of the file.
        database: of the runs, or one that they were imported into.
        name: of the file, for sentences.
        only: the label (or 1-based number) of one table of the file.

    Raises:
        InputError: if the file has no such table, was made from another database, or its runs are
            missing, incomplete or others by now.
    """
    tables = read_tables(text, name)
    if only:
        known = [{table.label, table.label.removeprefix("tab:")} for table in tables]
        tables = [tables[_index(only, known, "table", [table.label for table in tables])]]
    return [_traced(table, database) for table in tables]


def _traced(table: PrintedTable, database: "Database") -> TracedTable:
    analyses = [i for g in table.groups for i in g.origin.get("analyses", ()) if i is not None]
    wanted = [*(run for group in table.groups for run in group.runs), *analyses]
    here = ids_here(wanted, table.origin, database)
    found = {run.id: run for run in find_whole(list(here.values()), database)}
    runs = {old: found[new] for old, new in here.items()}
    scored = [
        [
            (_checked(runs[i], start, i), _of(runs[a], runs[i]) if a is not None else None)
            for i, start, a in zip(g.runs, g.origin["started"], g.origin["analyses"], strict=True)
        ]
        for g in table.groups
    ]
    groups = [
        replace(
            group,
            runs=[run.id for run, _ in pairs],
            seeds=[seeds_of(run) for run, _ in pairs],
            cells={
                c.key: [scores_of(*pair).get(c.key, float("nan")) for pair in pairs]
                for c in table.columns
                if any(c.key in scores_of(*pair) for pair in pairs)
            },
        )
        for group, pairs in zip(table.groups, scored, strict=True)
    ]
    layout = lay_out(groups, table.columns, table.against)
    return TracedTable(table, layout, groups, scored)


def _checked(run: Run, start: str, old: int) -> Run:
    if start_of(run) != start:
        raise InputError(
            f"run {old} of the table started at {start}, and run {run.id} of the database at "
            f"{start_of(run)}: the run of the table was deleted, and another has its id"
        )
    return run


def _of(analysis: Run, run: Run) -> Run:
    if run.id not in (analysis.info.get("source_runs") or []):
        raise InputError(
            f"run {analysis.id} ({analysis.experiment}) is no analysis of run {run.id}: that "
            "of the table was deleted, and another has its id"
        )
    return analysis


def _index(asked: str, names: Sequence[set[str]], kind: str, shown: Sequence[str]) -> int:
    """Return the place of a row, column or table that is asked for by number or name."""
    if asked.isdecimal():
        if not 1 <= int(asked) <= len(names):
            raise InputError(f"there is no {kind} {asked}; {kind}s are 1 to {len(names)}")
        return int(asked) - 1
    parts = [part.strip() for part in asked.split(",")] if "=" in asked else [asked]
    found = [i for i, known in enumerate(names) if asked in known or set(parts) <= known]
    if not found:
        known = sorted(set().union(*names))
        raise InputError(f"there is no {kind} {asked!r}; {nearest(asked, known)}")
    if len(found) > 1:
        several = "; ".join(f"{i + 1}: {shown[i]}" for i in found)
        raise InputError(f"{kind} {asked!r} is one of several ({several}); give the number")
    return found[0]


def _run_line(run: Run) -> str:
    seeds = {key: run.config.get(key) for key in ("seed", *sorted(SEEDS - {"seed"}))}
    given = ", ".join(f"{key} {value}" for key, value in seeds.items() if value is not None)
    return f"  run {run.id}, {given}" if given else f"  run {run.id}"


def _plain(latex: str) -> str:
    """Return the LaTeX of one place as a reader sees it, nearly."""
    text = latex.replace(r"\\", ", ").replace(r"\pm", "±").replace(r"\Delta\,", "Δ ")
    text = re.sub(r"\\(begin|end)\{tabular\}(\[t\]\{@\{\}r@\{\}\})?", "", text)
    text = re.sub(r"\\(mathbf|footnotesize|rlap)\b ?|\\hspace\{1ex\}", "", text).replace("^", "")
    return re.sub(r"[{}$]", "", text).strip() or "nothing"
