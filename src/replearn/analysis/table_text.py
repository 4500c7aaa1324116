"""Tables of scores as LaTeX, HTML and Markdown: the same numbers, every text escaped."""

import re
from collections.abc import Mapping, Sequence
from html import escape as escape_html
from typing import Any

from replearn.analysis.latex import comment, escape
from replearn.analysis.table_origin import origin_comments
from replearn.analysis.tables import Against, Cell, Column, Group, lay_out
from replearn.errors import InputError


def summary_table(
    groups: Sequence[Group],
    columns: Sequence[Column],
    caption: str = "",
    label: str = "",
    note: str = "",
    against: Against | None = None,
    origin: Mapping[str, Any] | None = None,
) -> str:
    """Return a LaTeX table (booktabs, graphicx) of the scores, one row per group.

    Args:
        caption: plain text, escaped here; the legend of the table follows it.
        label: the name for \\ref.
        note: a further sentence of the caption, such as that of a twin data set.
        against: what the rows are compared with: a second line in each cell.
        origin: where the runs are, in comments from which each number can be traced.

    Raises:
        InputError: as `lay_out`; or if the label has other characters than a-z, 0-9 and -:_.
    """
    if not re.fullmatch(r"[A-Za-z0-9:._-]*", label):
        raise InputError(f"a LaTeX label has only letters, digits and ':._-', not {label!r}.")
    layout = lay_out(groups, columns, against)
    heads = [escape(name) for name in layout.label_names]
    heads += [escape(heading(column)) for column in layout.columns] + ["$n$"]
    body = [
        " & ".join([*map(escape, labels), *map(latex_cell, cells), str(count)]) + r" \\"
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
            comment(f"source runs: {_ids(layout.runs)}"),
            *(comment(f"{row_name(g)}: runs {_ids(g.runs)}") for g in groups if g.runs),
            *(origin_comments(groups, columns, label, against, origin) if origin else ()),
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


def row_name(group: Group) -> str:
    """Return the labels of a row in one text: "data set=circles, beta=4"."""
    return ", ".join(f"{name}={text}" for name, text in group.labels.items()) or "row"


def heading(column: Column) -> str:
    """Return the heading of a column: name, unit, and which way is better."""
    unit = f" ({column.unit})" if column.unit else ""
    return (
        (column.name or column.key)
        + unit
        + {"higher": " ↑", "lower": " ↓", None: ""}[column.better]
    )


def _sentence(text: str) -> str:
    text = " ".join(text.split())
    return text if not text or text[-1] in ".!?" else text + "."


def latex_cell(cell: Cell) -> str:
    """Return one place of a LaTeX table; the difference to another row is its second line."""
    note = rf" {{\footnotesize ({escape(cell.note)})}}" if cell.note else ""
    if cell.mean == "–":
        return f"--{note}"
    number = cell.mean + (rf" \pm {cell.half_width}" if cell.half_width else "")
    number = rf"\mathbf{{{number}}}" if cell.best else number
    if not cell.difference:
        return f"${number}${note}"
    second = rf"\Delta\,{{{cell.difference[0]}}}{cell.difference[1:]}"
    second += rf" \pm {cell.difference_half_width}" if cell.difference_half_width else ""
    second = f"${second}${_mark(cell)}"
    second += f" ({escape(cell.difference_note)})" if cell.difference_note else ""
    return (
        rf"\begin{{tabular}}[t]{{@{{}}r@{{}}}}${number}${note}\\"
        rf"{{\footnotesize {second}}}\end{{tabular}}"
    )


def _mark(cell: Cell) -> str:
    if not cell.marked:
        return ""
    # Without width, so that the numbers stand below each other.
    return "$^{*}$" if cell.difference_note else r"\rlap{$^{*}$}"


def html_table(
    groups: Sequence[Group],
    columns: Sequence[Column],
    caption: str = "",
    note: str = "",
    against: Against | None = None,
) -> str:
    """Return the same table as an HTML element, every text escaped."""
    layout = lay_out(groups, columns, against)
    heads = [f"<th>{escape_html(name)}</th>" for name in layout.label_names]
    heads += [f'<th class="number">{escape_html(heading(column))}</th>' for column in columns]
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


def plain_cell(cell: Cell) -> str:
    """Return the mean of a cell with its interval, as plain text."""
    return cell.mean + (f" ± {cell.half_width}" if cell.half_width else "")


def plain_difference(cell: Cell) -> str:
    """Return the second line of a cell as plain text, empty if it has none."""
    if not cell.difference:
        return ""
    half = f" ± {cell.difference_half_width}" if cell.difference_half_width else ""
    note = f" ({cell.difference_note})" if cell.difference_note else ""
    return f"Δ {cell.difference}{half}{'*' * cell.marked}{note}"


def _html_cell(cell: Cell) -> str:
    number = escape_html(plain_cell(cell).replace("-", "−"))
    number = f"<strong>{number}</strong>" if cell.best else number
    number += f" <small>({escape_html(cell.note)})</small>" if cell.note else ""
    second = escape_html(plain_difference(cell).replace("-", "−"))
    return number + (f"<br><small>{second}</small>" if second else "")


def markdown_table(
    groups: Sequence[Group],
    columns: Sequence[Column],
    caption: str = "",
    against: Against | None = None,
) -> str:
    """Return the same table as Markdown; the sentences of its caption follow it."""
    layout = lay_out(groups, columns, against)
    heads = [*layout.label_names, *map(heading, layout.columns), "n"]
    lines = [_markdown_row(heads), "|".join(["", *(["---"] * len(heads)), ""])]
    for labels, cells, count in zip(layout.labels, layout.cells, layout.counts, strict=True):
        numbers = []
        for cell in cells:
            number = f"**{plain_cell(cell)}**" if cell.best else plain_cell(cell)
            number += f" ({cell.note})" if cell.note else ""
            second = plain_difference(cell).replace("*", r"\*")
            numbers.append(number + (f", {second}" if second else ""))
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
