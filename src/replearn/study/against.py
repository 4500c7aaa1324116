"""Which row of a table each other row is compared with."""

from collections.abc import Mapping, Sequence
from typing import Any

from replearn.analysis.table_text import row_name
from replearn.analysis.tables import Against, Group, unpaired_runs
from replearn.errors import InputError, nearest
from replearn.runs.where import same


def find_against(
    groups: Sequence[Group], labels: Mapping[str, Any], data_labels: Sequence[str]
) -> Against | None:
    """Return what rows are compared with: the one that has these `labels`, None if there are none.

    Where the labels do not name the data, each row is compared with a row of the same data. Runs
    without a partner of equal seeds are printed.

    Args:
        groups: the rows.
        labels: of the row to compare with, as the table shows them: {"beta": 1}; "_" is as " ".
        data_labels: the names of those labels that say what the scores are of.

    Raises:
        InputError: if no row has such labels, several have, or there is no other row.
    """
    if not labels:
        return None
    wanted = {_label(name, groups): value for name, value in labels.items()}
    name = ", ".join(f"{key}={value}" for key, value in wanted.items())
    having = [i for i, group in enumerate(groups) if _has(group, wanted)]
    if not having:
        raise InputError(
            f"against: no row of the table has {name}; the rows are "
            f"{'; '.join(row_name(group) for group in groups)}"
        )
    kept = [label for label in data_labels if label not in wanted]
    rows: list[int | None] = []
    for group in groups:
        same_data = {label: group.labels.get(label) for label in kept}
        found = [i for i in having if _has(groups[i], same_data)]
        if len(found) > 1:
            names = "; ".join(row_name(groups[i]) for i in found)
            raise InputError(
                f"against: {len(found)} rows have {name} ({names}); name more of their labels"
            )
        rows.append(found[0] if found else None)
    against = Against(name, [None if j == i else j for i, j in enumerate(rows)])
    if not any(j is not None for j in against.rows):
        raise InputError(f"against: there is no row to compare with {name} on the same data")
    if alone := unpaired_runs(groups, against):
        ids = ", ".join(map(str, alone))
        print(f"in no comparison: runs {ids}, which have no partner with the same seeds")
    return against


def _label(name: str, groups: Sequence[Group]) -> str:
    known = dict.fromkeys(label for group in groups for label in group.labels)
    for label in known:
        if label.replace(" ", "_") == str(name).replace(" ", "_"):
            return label
    raise InputError(f"against: the table has no label {name!r}; {nearest(str(name), known)}")


def _has(group: Group, labels: Mapping[str, Any]) -> bool:
    """Return whether a row has these labels; 4 and 4.0 are the same, and so are text and value."""
    return all(
        same(group.labels.get(name), value) or str(group.labels.get(name)) == str(value)
        for name, value in labels.items()
    )
