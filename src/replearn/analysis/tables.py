"""Tables of scores over seeds: mean ± 95 % Student interval, best in bold, as LaTeX or HTML."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape as escape_html

import numpy as np

from replearn.analysis.latex import comment, escape
from replearn.analysis.statistics import MIN_SEEDS, Interval, student_interval
from replearn.errors import InputError, nearest


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
    """

    labels: Mapping[str, object]
    cells: Mapping[str, float | Iterable[float]]
    runs: Sequence[int] = ()


@dataclass(frozen=True)
class Cell:
    """What one place of a table shows; `note` says where its count is not that of the row."""

    mean: str
    half_width: str = ""
    best: bool = False
    note: str = ""


@dataclass(frozen=True)
class Layout:
    """A table before it is LaTeX, HTML or Markdown: texts not yet escaped."""

    label_names: list[str]
    columns: list[Column]
    labels: list[list[str]]
    cells: list[list[Cell]]
    counts: list[int]
    runs: list[int] = field(default_factory=list)

    @property
    def legend(self) -> str:
        """Return the sentences that explain what the table shows, and no more than that."""
        shown = [cell for row in self.cells for cell in row]
        parts = ["Mean over n seeds"]
        if any(cell.half_width for cell in shown):
            parts = [f"Mean ± 95 % Student-t interval over n seeds, where n ≥ {MIN_SEEDS}"]
        if any(cell.best for cell in shown):
            parts.append("best in bold")
        arrows = {"higher": "↑ higher is better", "lower": "↓ lower is better"}
        parts += [arrows[b] for b in arrows if any(c.better == b for c in self.columns)]
        return "; ".join(parts) + "."


def lay_out(groups: Sequence[Group], columns: Sequence[Column]) -> Layout:
    """Return the layout of a table with one row per group and one column per score.

    The best of a column is bold among the rows with at least 3 seeds and none missing, if there
    are two of those to compare; rows that are equal as printed are all bold.

    Raises:
        InputError: if there is nothing to show, a direction is unknown, or no group has a column.
    """
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
    names = list(dict.fromkeys(name for group in groups for name in group.labels))
    intervals = [[_interval(group, column) for column in columns] for group in groups]
    best = np.array(
        [_best(column, [row[i] for row in intervals]) for i, column in enumerate(columns)]
    ).T
    counts = [max(i.n + i.missing for i in row) for row in intervals]
    cells = [
        [_cell(*entry, count) for entry in zip(columns, row, bold, strict=True)]
        for row, bold, count in zip(intervals, best, counts, strict=True)
    ]
    labels = [[str(group.labels.get(name, "")) for name in names] for group in groups]
    runs = sorted({int(run) for group in groups for run in group.runs})
    return Layout(names, list(columns), labels, cells, counts, runs)


def _interval(group: Group, column: Column) -> Interval:
    values = group.cells.get(column.key, ())
    return student_interval([values] if isinstance(values, int | float | np.number) else values)


def _best(column: Column, rows: Sequence[Interval]) -> list[bool]:
    means = np.array(
        [
            float(f"{row.mean:.{column.digits}f}")
            if row.n >= MIN_SEEDS and not row.missing
            else np.nan
            for row in rows
        ]
    )
    if column.better is None or np.isfinite(means).sum() < 2:
        return [False] * len(rows)
    best = np.nanmax(means) if column.better == "higher" else np.nanmin(means)
    return (means == best).tolist()


def _cell(column: Column, interval: Interval, best: bool, count: int) -> Cell:
    if interval.n == 0:
        return Cell("–", note=f"{interval.missing} missing" if interval.missing else "")
    half = interval.half_width
    notes = [f"n = {interval.n}"] if interval.n != count else []
    notes += [f"{interval.missing} missing"] if interval.missing else []
    return Cell(
        _rounded(interval.mean, column.digits),
        f"{half:.{column.digits}f}" if half is not None else "",
        bool(best),
        ", ".join(notes),
    )


def _rounded(value: float, digits: int) -> str:
    text = f"{value:.{digits}f}"
    return text.lstrip("-") if float(text) == 0 else text


def summary_table(
    groups: Sequence[Group],
    columns: Sequence[Column],
    caption: str = "",
    label: str = "",
    runs: Sequence[int] = (),
    note: str = "",
) -> str:
    """Return a LaTeX table (booktabs, graphicx) of the scores, one row per group.

    Args:
        caption: plain text, escaped here; the legend of the table follows it.
        label: the name for \\ref.
        runs: ids of the source runs, in a comment line, beside those of the groups.
        note: a further sentence of the caption, such as that of a twin data set.

    Raises:
        InputError: as `lay_out`; or if the label has other characters than a-z, 0-9 and -:_.
    """
    if not re.fullmatch(r"[A-Za-z0-9:._-]*", label):
        raise InputError(f"a LaTeX label has only letters, digits and ':._-', not {label!r}.")
    layout = lay_out(groups, columns)
    ids = sorted({*layout.runs, *map(int, runs)})
    heads = [escape(name) for name in layout.label_names]
    heads += [_latex_head(column) for column in layout.columns] + ["$n$"]
    body = [
        " & ".join([*map(escape, labels), *map(_latex_cell, cells), str(count)]) + r" \\"
        for labels, cells, count in zip(layout.labels, layout.cells, layout.counts, strict=True)
    ]
    tabular = [
        rf"\begin{{tabular}}{{{'l' * len(layout.label_names)}{'r' * len(columns)}r}}",
        r"\toprule",
        " & ".join(heads) + r" \\",
        r"\midrule",
        *body,
        r"\bottomrule",
        r"\end{tabular}%",
    ]
    sentences = " ".join(filter(None, [_sentence(caption), layout.legend, _sentence(note)]))
    return "\n".join(
        [
            comment(f"source runs: {_ids(ids)}"),
            *(comment(f"{_row_name(g)}: runs {_ids(g.runs)}") for g in groups if g.runs),
            r"\begin{table}[htbp]",
            r"\centering",
            rf"\caption{{{escape(sentences)}}}",
            *([rf"\label{{{label}}}"] if label else []),
            r"\par\medskip",
            # A wide table shrinks to the line, a narrow one keeps its size.
            r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
            *tabular,
            "}",
            r"\end{table}",
            "",
        ]
    )


def _ids(runs: Sequence[int]) -> str:
    return ", ".join(map(str, runs)) or "not given"


def _row_name(group: Group) -> str:
    return ", ".join(f"{name}={text}" for name, text in group.labels.items()) or "row"


def _sentence(text: str) -> str:
    text = " ".join(text.split())
    return text if not text or text[-1] in ".!?" else text + "."


def _arrow(column: Column) -> str:
    return {"higher": " ↑", "lower": " ↓", None: ""}[column.better]


def _head(column: Column) -> str:
    unit = f" ({column.unit})" if column.unit else ""
    return (column.name or column.key) + unit + _arrow(column)


def _latex_head(column: Column) -> str:
    return escape(_head(column))


def _latex_cell(cell: Cell) -> str:
    note = rf" {{\footnotesize ({escape(cell.note)})}}" if cell.note else ""
    if cell.mean == "–":
        return f"--{note}"
    number = cell.mean + (rf" \pm {cell.half_width}" if cell.half_width else "")
    number = rf"\mathbf{{{number}}}" if cell.best else number
    return f"${number}${note}"


def html_table(
    groups: Sequence[Group], columns: Sequence[Column], caption: str = "", note: str = ""
) -> str:
    """Return the same table as an HTML element, every text escaped."""
    layout = lay_out(groups, columns)
    heads = [f"<th>{escape_html(name)}</th>" for name in layout.label_names]
    heads += [f'<th class="number">{escape_html(_head(column))}</th>' for column in layout.columns]
    rows = []
    for labels, cells, count in zip(layout.labels, layout.cells, layout.counts, strict=True):
        entries = [f"<td>{escape_html(label)}</td>" for label in labels]
        entries += [f'<td class="number">{_html_cell(cell)}</td>' for cell in cells]
        rows.append(f'<tr>{"".join(entries)}<td class="number">{count}</td></tr>')
    sentences = " ".join(filter(None, [_sentence(caption), layout.legend, _sentence(note)]))
    return "\n".join(
        [
            "<table>",
            f"<caption>{escape_html(sentences)}</caption>",
            f'<thead><tr>{"".join(heads)}<th class="number">n</th></tr></thead>',
            "<tbody>",
            *rows,
            "</tbody>",
            "</table>",
        ]
    )


def _plain_cell(cell: Cell) -> str:
    return cell.mean + (f" ± {cell.half_width}" if cell.half_width else "")


def _html_cell(cell: Cell) -> str:
    number = escape_html(_plain_cell(cell).replace("-", "−"))
    number = f"<strong>{number}</strong>" if cell.best else number
    return number + (f" <small>({escape_html(cell.note)})</small>" if cell.note else "")


def markdown_table(groups: Sequence[Group], columns: Sequence[Column], caption: str = "") -> str:
    """Return the same table as Markdown; the sentences of its caption follow it."""
    layout = lay_out(groups, columns)
    heads = [*layout.label_names, *map(_head, layout.columns), "n"]
    lines = [_markdown_row(heads), "|".join(["", *(["---"] * len(heads)), ""])]
    for labels, cells, count in zip(layout.labels, layout.cells, layout.counts, strict=True):
        numbers = []
        for cell in cells:
            number = f"**{_plain_cell(cell)}**" if cell.best else _plain_cell(cell)
            numbers.append(number + (f" ({cell.note})" if cell.note else ""))
        lines.append(_markdown_row([*labels, *numbers, str(count)], verbatim=len(labels)))
    sentences = " ".join(filter(None, [_sentence(caption), layout.legend]))
    return "\n".join([*lines, "", _markdown_text(sentences), ""])


def _markdown_text(text: str) -> str:
    return re.sub(r"([\\`*_{}\[\]<>#|~])", r"\\\1", " ".join(text.split()))


def _markdown_row(entries: Sequence[str], verbatim: int | None = None) -> str:
    """Join a row; entries from `verbatim` on are made here, and are not escaped."""
    count = len(entries) if verbatim is None else verbatim
    escaped = [*map(_markdown_text, entries[:count]), *entries[count:]]
    return "| " + " | ".join(escaped) + " |"
