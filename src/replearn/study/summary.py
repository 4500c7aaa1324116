"""Summarise a study: the scores of its runs and of their analyses, one row a group of seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from replearn.analysis.tables import Column, Group
from replearn.errors import InputError, nearest
from replearn.runs.config import SEEDS, VOLATILE
from replearn.runs.query import Runs, find_runs
from replearn.runs.run import Run
from replearn.runs.where import paths

# How the scores that experiments and analyses return are shown.
SCORES = {
    column.key: column
    for column in (
        Column("loss", "loss", "nats", "lower", 1),
        Column("reconstruction", "reconstruction", "nats", "lower", 1),
        Column("reconstruction_ratio", "of mean image's", "", "lower", 2),
        Column("kl", "KL", "nats", None, 1),
        Column("total_correlation", "TC", "nats", "lower", 2),
        Column("active_latents", "active latents", "", None, 1),
        Column("dci_disentanglement", "D", "", "higher", 2),
        Column("dci_completeness", "C", "", "higher", 2),
        Column("dci_informativeness", "I", "", "higher", 2),
        Column("dci_informativeness_chance", "chance of I", "", None, 2),
        Column("accuracy", "accuracy", "", "higher", 3),
        Column("mse", "MSE", "", "lower", 4),
    )
}


@dataclass(frozen=True)
class Study:
    """Finished runs, with the newest analysis of each.

    Attributes:
        runs: the training runs.
        analyses: run id -> its newest finished `analysis.model`, or None.
        varied: config paths in which the runs differ, other than seeds.
    """

    runs: Runs
    analyses: Mapping[int, Run | None]
    varied: tuple[str, ...]

    def scores(self, run: Run) -> dict[str, float]:
        """Return the numbers of a run's result, and of its analysis."""
        analysis = self.analyses[run.id]
        found = dict(analysis.result) if analysis is not None else {}
        found |= run.result if isinstance(run.result, Mapping) else {}
        return {k: v for k, v in found.items() if isinstance(v, int | float)}

    def labels(self, run: Run) -> dict[str, Any]:
        """Return what sets a run apart from the others: the last part of each path, its value."""
        config = dict(paths(run.config))
        return {path.rpartition(".")[2]: config.get(path) for path in self.varied}

    def groups(self) -> list[Group]:
        """Return the rows of the table: runs that differ in their seeds alone."""
        members: dict[str, list[Run]] = {}
        for run in self.runs:
            members.setdefault(run.identity.get("group_hash", str(run.id)), []).append(run)
        rows = []
        for runs in members.values():
            scores = [self.scores(run) for run in runs]
            keys = dict.fromkeys(key for each in scores for key in each)
            cells = {key: [each.get(key, float("nan")) for each in scores] for key in keys}
            labels = self.labels(runs[0]) or {"experiment": runs[0].experiment}
            rows.append(Group(labels, cells, [run.id for run in runs]))
        return sorted(rows, key=lambda group: [_sortable(v) for v in group.labels.values()])


def find_study(where: Mapping[str, Any]) -> Study:
    """Return the finished training runs that match, each with its newest analysis.

    Raises:
        InputError: if no run matches, or some have an analysis and others none.
    """
    runs = find_runs(where).require()
    newest: dict[int, Run | None] = dict.fromkeys(runs.ids)
    names = runs.database.runs.distinct("experiment.name", {"status": "COMPLETED"})
    if "analysis.model" in names:
        for analysis in find_runs({"experiment": "analysis.model"}, runs.database):
            if analysis.config.get("run") in newest:
                newest[analysis.config["run"]] = analysis
    missing = [run_id for run_id, analysis in newest.items() if analysis is None]
    if missing and len(missing) < len(runs):
        raise InputError(
            f"{len(missing)} of {len(runs)} runs have no finished analysis.model (runs "
            f"{', '.join(map(str, missing))}); run 'python -m analysis.model with "
            f"run={missing[0]}' first"
        )
    return Study(runs, newest, varied_paths(runs))


def varied_paths(runs: Sequence[Run]) -> tuple[str, ...]:
    """Return the config paths in which runs differ, without seeds and volatile keys."""
    configs = [dict(paths(run.config)) for run in runs]
    known = dict.fromkeys(path for config in configs for path in config)
    ignored = SEEDS | VOLATILE
    return tuple(
        path
        for path in known
        if path.partition(".")[0] not in ignored
        and not any(isinstance(config.get(path), Mapping) for config in configs)
        and len({repr(config.get(path)) for config in configs}) > 1
    )


def choose_columns(groups: Sequence[Group], names: Sequence[str] | None) -> list[Column]:
    """Return the columns to show: those named, else every known score that a group has.

    Raises:
        InputError: if a name is the score of no group.
    """
    there = {key for group in groups for key in group.cells}
    if names is None:
        return [column for key, column in SCORES.items() if key in there]
    for name in names:
        if name not in there:
            raise InputError(f"no run has a score {name!r}; {nearest(name, there)}")
    return [SCORES.get(name, Column(name)) for name in names]


def check_limits(study: Study, at_least: Mapping[str, Any], at_most: Mapping[str, Any]) -> None:
    """Raise an InputError if a score of a run is out of the limits that were asked for."""
    for limits, name, fits in (
        (at_least, "at least", lambda value, limit: value >= limit),
        (at_most, "at most", lambda value, limit: value <= limit),
    ):
        for key, limit in limits.items():
            for run in study.runs:
                value = study.scores(run).get(key, float("nan"))
                if not fits(value, limit):
                    raise InputError(
                        f"run {run.id} has {key}={value:.4g}, expected {name} {limit}: it has not "
                        f"learned what was asked for; train longer"
                    )


def _sortable(value: Any) -> tuple[int, Any]:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return 0, value
    return 1, str(value)
