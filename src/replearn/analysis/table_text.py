"""Tables of scores as LaTeX, HTML and Markdown: the same numbers, every text escaped."""

import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape as escape_html
from typing import Any

from replearn.analysis.latex import comment, escape
from replearn.analysis.table_origin import origin_comments
from replearn.analysis.tables import Against, Cell, Column, Group, Layout, lay_out
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
    end = r" \\ \addlinespace[2pt]" if against else r" \\"
    body = [" & ".join(latex_row(layout, row)) + end for row in range(len(groups))]
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


def latex_row(layout: Layout, row: int) -> list[str]:
    """Return the places of one row of a LaTeX table: labels, scores, and the number of seeds."""
    count, pairs = layout.counts[row], layout.pairs[row]
    shown = str(count) if pairs in (0, count) else _two_lines(str(count), rf"$\Delta$ {pairs}")
    cells = [_latex_cell(cell, pairs) for cell in layout.cells[row]]
    return [*map(escape, layout.labels[row]), *cells, shown]


def _latex_cell(cell: Cell, pairs: int) -> str:
    note = rf" {{\footnotesize ({escape(cell.note)})}}" if cell.note else ""
    if cell.mean == "–":
        return f"--{note}"
    number = cell.mean + (rf" \pm {cell.half_width}" if cell.half_width else "")
    number = rf"\mathbf{{{number}}}" if cell.best else number
    if not cell.difference:
        return f"${number}${note}"
    second = rf"\Delta\,{{{cell.difference[0]}}}{cell.difference[1:]}"
    second += rf" \pm {cell.difference_half_width}" if cell.difference_half_width else ""
    # A mark has no width, so that the numbers stand below each other.
    second = f"${second}$" + (r"\rlap{$^{*}$}" if cell.marked else "")
    second += rf"\hspace{{1ex}}(n = {cell.pairs})" if cell.pairs != pairs else ""
    return _two_lines(f"${number}${note}", second)


def _two_lines(first: str, second: str) -> str:
    return rf"\begin{{tabular}}[t]{{@{{}}r@{{}}}}{first}\\{{\footnotesize {second}}}\end{{tabular}}"


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
    for labels, cells, count, pairs in _rows(layout):
        entries = [f"<td>{escape_html(label)}</td>" for label in labels]
        entries += [f'<td class="number">{_html_cell(cell, pairs)}</td>' for cell in cells]
        entries.append(f'<td class="number">{_plain_count(count, pairs)}</td>')
        rows.append(f"<tr>{''.join(entries)}</tr>")
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


def plain_difference(cell: Cell, pairs: int) -> str:
    """Return the second line of a cell as plain text, empty if it has none.

    Args:
        cell: with the difference to another row.
        pairs: of the row; where the cell has fewer, it is said.
    """
    if not cell.difference:
        return ""
    half = f" ± {cell.difference_half_width}" if cell.difference_half_width else ""
    note = f" (n = {cell.pairs})" if cell.pairs != pairs else ""
    return f"Δ {cell.difference}{half}{'*' * cell.marked}{note}"


def _plain_count(count: int, pairs: int) -> str:
    return str(count) if pairs in (0, count) else f"{count}, Δ {pairs}"


def _rows(layout: Layout) -> Iterator[tuple[list[str], list[Cell], int, int]]:
    return zip(layout.labels, layout.cells, layout.counts, layout.pairs, strict=True)


def _html_cell(cell: Cell, pairs: int) -> str:
    number = escape_html(plain_cell(cell).replace("-", "−"))
    number = f"<strong>{number}</strong>" if cell.best else number
    number += f" <small>({escape_html(cell.note)})</small>" if cell.note else ""
    second = escape_html(plain_difference(cell, pairs).replace("-", "−"))
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
    for labels, cells, count, pairs in _rows(layout):
        numbers = []
        for cell in cells:
            number = f"**{plain_cell(cell)}**" if cell.best else plain_cell(cell)
            number += f" ({cell.note})" if cell.note else ""
            second = plain_difference(cell, pairs).replace("*", r"\*")
            numbers.append(number + (f", {second}" if second else ""))
        numbers.append(_plain_count(count, pairs))
        lines.append(_markdown_row([*labels, *numbers], verbatim=len(labels)))
    sentences = " ".join(filter(None, [_sentence(caption), layout.legend]))
    return "\n".join([*lines, "", _markdown_text(sentences), ""])


def _markdown_text(text: str) -> str:
    return re.sub(r"([\\`*_{}\[\]<>#|~])", r"\\\1", " ".join(text.split()))


def _markdown_row(entries: Sequence[str], verbatim: int | None = None) -> str:
    """Join a row; entries from `verbatim` on are made here, and are not escaped."""
    count = len(entries) if verbatim is None else verbatim
    escaped = [*map(_markdown_text, entries[:count]), *entries[count:]]
    return "| " + " | ".join(escaped) + " |"
