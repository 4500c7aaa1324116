"""Where the numbers of a LaTeX table come from, in its comments: written, and read again.

A table has one line `% replearn-table {…}` and one `% replearn-row {…}` for each row, in JSON, so
that a file that was moved, copied or edited still says what it was made from.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from replearn.analysis.tables import Against, Column, Group
from replearn.errors import InputError

_COMMENT = re.compile(r"^% replearn-(table|row) (\{.*\})\s*$")
_ROW_END = re.compile(r"\\\\( \\addlinespace\[2pt\])?\s*$")


@dataclass(frozen=True)
class PrintedTable:
    """A table as a file prints it.

    Attributes:
        label: for \\ref, and to name the table by.
        origin: where its runs are.
        groups: its rows, without values.
        columns: its scores.
        against: what its rows are compared with.
        entries: the LaTeX of each row, label columns first, the count last.
    """

    label: str
    origin: Mapping[str, Any]
    groups: Sequence[Group]
    columns: Sequence[Column]
    against: Against | None
    entries: Sequence[Sequence[str]]


def origin_comments(
    groups: Sequence[Group],
    columns: Sequence[Column],
    label: str,
    against: Against | None,
    origin: Mapping[str, Any],
) -> list[str]:
    """Return the lines of comment from which `read_tables` knows a table's rows and columns."""
    head = {"label": label, "origin": dict(origin), "columns": [asdict(c) for c in columns]}
    if against is not None:
        head["against"] = asdict(against)
    rows = [
        {
            "labels": {name: str(text) for name, text in group.labels.items()},
            "data": group.data,
            "runs": list(group.runs),
            "origin": {name: list(items) for name, items in group.origin.items()},
        }
        for group in groups
    ]
    # JSON in ASCII has no character that ends a line of LaTeX.
    return [
        f"% replearn-table {json.dumps(head)}",
        *(f"% replearn-row {json.dumps(row)}" for row in rows),
    ]


def read_tables(text: str, name: str = "the file") -> list[PrintedTable]:
    """Return the tables of a LaTeX file that `summary_table` wrote with an origin.

    Raises:
        InputError: if there is none, or the comments and the rows below them do not fit.
    """
    tables: list[PrintedTable] = []
    heads: list[tuple[dict[str, Any], list[dict[str, Any]], list[str]]] = []
    inside = False
    for line in text.splitlines():
        if match := _COMMENT.match(line):
            try:
                found = json.loads(match[2])
            except ValueError:
                raise InputError(
                    f"a comment of {name} was edited and is no JSON any more"
                ) from None
            if match[1] == "table":
                heads.append((found, [], []))
            elif heads:
                heads[-1][1].append(found)
        elif line.strip() in (r"\midrule", r"\bottomrule"):
            inside = line.strip() == r"\midrule" and bool(heads)
        elif inside and line.strip():
            heads[-1][2].append(line)
    for head, rows, lines in heads:
        try:
            tables.append(_table(head, rows, lines))
        except (KeyError, TypeError, ValueError, AttributeError):
            raise InputError(
                f"the rows of a table of {name} are not those of its comments any more: it was "
                "edited; make it anew"
            ) from None
    if not tables:
        raise InputError(
            f"{name} has no table whose numbers can be traced: python -m analysis.summary writes "
            "such tables, and the comments above them are needed"
        )
    return tables


def _table(
    head: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], lines: Sequence[str]
) -> PrintedTable:
    groups = [
        Group(row["labels"], {}, row["runs"], data=row["data"], origin=row["origin"])
        for row in rows
    ]
    columns = [Column(**column) for column in head["columns"]]
    against = Against(**head["against"]) if head.get("against") else None
    entries = [re.split(r"(?<!\\)&", _ROW_END.sub("", line)) for line in lines]
    entries = [[entry.strip() for entry in row] for row in entries]
    width = len(dict.fromkeys(n for g in groups for n in g.labels)) + len(columns) + 1
    sizes = {len(items) == len(g.runs) for g in groups for items in g.origin.values()}
    if {len(row) for row in entries} != {width} or len(entries) != len(groups) or False in sizes:
        raise ValueError("rows and comments differ")
    return PrintedTable(head["label"], head["origin"], groups, columns, against, entries)
