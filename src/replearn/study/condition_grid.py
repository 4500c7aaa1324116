"""A grid of runs: conditions (data set and what is excluded of it) by models, over seeds."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from replearn.analysis.tables import Group
from replearn.errors import InputError
from replearn.runs.run import Run
from replearn.runs.where import paths
from replearn.study.summary import ABSENT, Study, find_study, short_names

# Keys of `dataset` that exclude combinations of factors.
HOLDOUT = ("condition", "holdout")
# What a model is called by, also where other labels tell it apart.
NAMING = ("experiment", "loss", "parameter", "value", "composition op")


@dataclass(frozen=True)
class Cell:
    """Runs of one model under one condition, which differ in their seeds alone.

    Attributes:
        condition, model: what they are called.
        group: their scores, as a row of a table.
        runs: in the order of the group's.
    """

    condition: str
    model: str
    group: Group
    runs: Sequence[Run]

    def values(self, key: str) -> list[float]:
        """Return a score of each run; none if no run has it."""
        return self.group.values(key)


@dataclass(frozen=True)
class ConditionGrid:
    """The runs of a study by condition and model; not every model need have every condition.

    Attributes:
        study: the runs with their analyses.
        cells: in the order of conditions, then of models.
        shared: what all models have in common, for captions; empty if there are several.
    """

    study: Study
    cells: Sequence[Cell]

    @property
    def conditions(self) -> list[str]:
        """The names of the conditions, in order."""
        return list(dict.fromkeys(cell.condition for cell in self.cells))

    @property
    def models(self) -> list[str]:
        """The names of the models, in order."""
        return sorted({cell.model for cell in self.cells}, key=natural)

    def of_condition(self, name: str) -> list[Cell]:
        """Return the cells of one condition."""
        return [cell for cell in self.cells if cell.condition == name]

    def having(self, *keys: str) -> "ConditionGrid":
        """Return the grid of those cells that have all of these scores."""
        return replace(
            self, cells=[c for c in self.cells if all(len(c.values(key)) for key in keys)]
        )


def find_grid(where: Mapping[str, Any], analyses: bool | None = None) -> ConditionGrid:
    """Return the finished runs that match and excluded combinations of factors, as a grid.

    Others that match are left out, which is printed.

    Raises:
        InputError: if none has excluded any; or as `find_study`.
    """
    found = find_study(where, analyses=False)
    runs = [run for run in found.runs if is_conditional(run)]
    if not runs:
        raise InputError(
            f"none of the {len(found.runs)} runs that match was trained with a condition, so that "
            "they excluded nothing to generalise to; train with dataset.condition=r2r or with "
            "dataset.holdout=EXPRESSION, and ask for where.dataset.condition=r2r"
        )
    if len(runs) < len(found.runs):
        left = [str(run.id) for run in found.runs if run not in runs]
        print(f"left out: {', '.join(left)}, which were trained without a condition")
    return make_grid(find_study({"id": [run.id for run in runs]}, analyses))


def make_grid(study: Study) -> ConditionGrid:
    """Return the cells of a study: conditions in order of data sets, models in order of names."""
    runs = {run.id: run for run in study.runs}
    groups = study.groups()
    first = [runs[group.runs[0]] for group in groups]
    conditions = [condition_of(run) for run in first]
    own = [study.labels(run) for run in first]
    if len({run.experiment for run in study.runs}) > 1:
        own = [{"experiment": run.experiment} | each for run, each in zip(first, own, strict=True)]
    kept = _telling(_model_labels(study, own[0]), conditions, own)
    cells = []
    for group, run, condition, given in zip(groups, first, conditions, own, strict=True):
        labels = {name: given[name] for name in kept if given.get(name, ABSENT) != ABSENT}
        labels = labels or {"model": _objective(run)}
        found = [runs[i] for i in group.runs]
        cells.append(Cell(condition, model_name(labels), replace(group, labels=labels), found))
    cells.sort(key=lambda cell: (natural(cell.condition), natural(cell.model)))
    return ConditionGrid(study, cells)


def is_conditional(run: Run) -> bool:
    """Return whether a run excluded combinations of factors from its training."""
    section = run.config.get("dataset", {})
    return any(section.get(key) is not None for key in HOLDOUT)


def condition_of(run: Run) -> str:
    """Return the name of a run's condition: "dsprites r2r sqr2tx", with its modifiers."""
    section = run.config["dataset"]
    parts = [section["name"], *(section.get(key) for key in HOLDOUT), section.get("variant")]
    modifiers = section.get("modifiers") or []
    parts += [" + ".join(["", *modifiers]).strip()] if modifiers else []
    if section.get("rebalance") is not None:
        parts.append(f"rebalanced by {section['rebalance']}")
    return " ".join(str(part) for part in parts if part is not None)


def model_name(labels: Mapping[str, Any]) -> str:
    """Return the labels of a model in a few words: "factor_vae, gamma 20, interp"."""
    words = []
    for name, value in labels.items():
        if name == "parameter":
            continue
        called = labels.get("parameter", name) if name == "value" else name
        words.append(value if isinstance(value, str) else f"{called} {value}")
    return ", ".join(words)


def slug(condition: str) -> str:
    """Return a name of files for a condition: "dsprites_r2r_sqr2tx"."""
    return re.sub(r"[^a-z0-9]+", "_", condition.lower()).strip("_")[:60]


def natural(text: str) -> list[Any]:
    """Return a key that sorts numbers in texts by their value: beta 8 before beta 12."""
    parts = re.split(r"(\d+(?:\.\d+)?)", text)
    return [float(part) if i % 2 else part for i, part in enumerate(parts)]


def _model_labels(study: Study, labels: Iterable[str]) -> list[str]:
    """Return the labels that tell models apart: not of the data, nor what follows from them.

    Encoders, rates and lengths that a study chooses for each data set say nothing of its models.
    """
    of_data = set(study.data_labels)
    names = {name: path for path, name in short_names(study.varied).items()}
    several = len({run.config["dataset"]["name"] for run in study.runs}) > 1
    return [
        name
        for name in labels
        if name not in of_data
        and not (several and name in names and _follows(names[name], study.runs))
    ]


def _telling(
    labels: Sequence[str], conditions: Sequence[str], values: Sequence[Mapping[str, Any]]
) -> list[str]:
    """Return the labels without those that others say already, such as the rate of an objective."""

    def parts(kept: Sequence[str]) -> int:
        rows = zip(conditions, values, strict=True)
        return len({(c, *(repr(v.get(name)) for name in kept)) for c, v in rows})

    kept, wanted = list(labels), parts(labels)
    for name in reversed(labels):
        others = [other for other in kept if other != name]
        if name not in NAMING and parts(others) == wanted:
            kept = others
    return kept


def _follows(path: str, runs: Iterable[Run]) -> bool:
    pairs = {(r.config["dataset"]["name"], repr(dict(paths(r.config)).get(path))) for r in runs}
    return len(pairs) == len({name for name, _ in pairs})


def _objective(run: Run) -> str:
    loss = run.config.get("training", {}).get("loss", {}).get("name")
    return str(loss or run.experiment)
