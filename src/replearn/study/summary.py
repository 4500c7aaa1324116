"""Summarise a study: the scores of its runs and of their analyses, one row a group of seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from replearn.analysis.tables import Group
from replearn.errors import InputError
from replearn.runs.config import SEEDS, VOLATILE, canonical, config_hash
from replearn.runs.query import find_runs
from replearn.runs.run import Run
from replearn.runs.where import paths
from replearn.study.labels import label_values, own_parameters
from replearn.study.selection import find_trained, is_auto_encoder, without_repetitions

# What a label shows where a run has no such setting.
ABSENT = "–"
# Parts of a config that say what the scores are of: no row is better than one of other data.
DATA = ("dataset", "target")
# The run that a run went on from: runs of one group have sources that differ in their seeds.
SOURCE = frozenset({"source"})


@dataclass(frozen=True)
class Study:
    """Finished runs, with the newest analysis of each.

    Attributes:
        runs: the training runs.
        analyses: run id -> its newest finished `analysis.model`, or None.
        varied: config paths in which the runs differ, other than seeds.
    """

    runs: Sequence[Run]
    analyses: Mapping[int, Run | None]
    varied: tuple[str, ...]

    def scores(self, run: Run) -> dict[str, float]:
        """Return the numbers of a run's result, and of its analysis."""
        return scores_of(run, self.analyses[run.id])

    def labels(self, run: Run) -> dict[str, Any]:
        """Return what sets a run apart from the others: a short name of each path, its value."""
        names, config = short_names(self.varied), dict(paths(run.config))
        values = label_values(names, self._own_parameters, config)
        if self._same_config_other_images():
            values["images"] = self._images(run)
        return {name: ABSENT if value is None else value for name, value in values.items()}

    @cached_property
    def _own_parameters(self) -> dict[str, dict[Any, str]]:
        return own_parameters(self.varied, [dict(paths(run.config)) for run in self.runs])

    @property
    def data_labels(self) -> list[str]:
        """The names of those labels that say what the scores of a run are of."""
        names = short_names(self.varied).items()
        return [name for path, name in names if path.partition(".")[0] in DATA] + ["images"]

    def groups(self) -> list[Group]:
        """Return the rows of the table: runs on the same images that differ in seeds alone."""
        members: dict[tuple, list[Run]] = {}
        for run in self.runs:
            members.setdefault((_group(run), run.identity.get("data")), []).append(run)
        rows = []
        for runs in members.values():
            scores = [self.scores(run) for run in runs]
            keys = dict.fromkeys(key for each in scores for key in each)
            cells = {key: [each.get(key, float("nan")) for each in scores] for key in keys}
            labels = self.labels(runs[0]) or {"experiment": runs[0].experiment}
            rows.append(
                Group(
                    labels,
                    cells,
                    [run.id for run in runs],
                    [seeds_of(run) for run in runs],
                    canonical([labels.get(name) for name in self.data_labels]),
                    {
                        "started": [start_of(run) for run in runs],
                        "analyses": [a and a.id for a in (self.analyses[run.id] for run in runs)],
                    },
                )
            )
        return sorted(rows, key=lambda group: [_sortable(v) for v in group.labels.values()])

    def analysis_note(self) -> str:
        """Return a sentence on how the analyses made their scores, for a caption."""
        analyses = [analysis for analysis in self.analyses.values() if analysis is not None]
        if not analyses:
            return ""
        config = analyses[0].config
        step = "" if config.get("step") is None else f" after {config['step']} steps"
        methods = sorted({a.result["dci_method"] for a in analyses if "dci_method" in a.result})
        method = f"; D, C and I are DCI scores ({'; '.join(methods)})" if methods else ""
        return f"Analyses{step} on up to {config.get('n_images')} held-out images{method}."

    def _same_config_other_images(self) -> bool:
        images: dict[str, set] = {}
        for run in self.runs:
            images.setdefault(_group(run), set()).add(run.identity.get("data"))
        return any(len(found) > 1 for found in images.values())

    def _images(self, run: Run) -> str:
        """Return real or twin; with the digest where several images are the same of these."""
        kinds = {r.identity.get("data"): _real_or_twin(r) for r in self.runs}
        kind, data = _real_or_twin(run), run.identity.get("data")
        same = [d for d, k in kinds.items() if k == kind]
        return kind if len(same) == 1 else f"{kind} {str(data)[:8]}"


def scores_of(run: Run, analysis: Run | None) -> dict[str, float]:
    """Return the numbers of the result of a run, and of an analysis of it."""
    found = dict(analysis.result) if analysis is not None else {}
    found |= run.result if isinstance(run.result, Mapping) else {}
    return {k: v for k, v in found.items() if isinstance(v, int | float)}


def seeds_of(run: Run) -> tuple:
    """Return what runs of two groups that are a pair have in common."""
    return tuple(repr(run.config.get(key)) for key in sorted(SEEDS | SOURCE & run.config.keys()))


def start_of(run: Run) -> str:
    """Return when a run started (UTC): with its id, what tells it from one that took its place."""
    return run.started.isoformat(timespec="milliseconds") if run.started else ""


def find_study(where: Mapping[str, Any], analyses: bool | None = None) -> Study:
    """Return the finished training runs that match, each with its newest analysis if asked for.

    Args:
        analyses: whether each auto-encoder has to have one; False for none of them. None leaves
            all out if some auto-encoders have none, and says so.

    Raises:
        InputError: if no run matches; if analyses are missing that are asked for; or if they were
            made in different ways.
    """
    runs = without_repetitions(find_trained(where))
    database = runs[0].database
    newest: dict[int, Run | None] = {run.id: None for run in runs}
    names = database.runs.distinct("experiment.name", {"status": "COMPLETED"})
    if analyses is not False and "analysis.model" in names:
        query = {"experiment": "analysis.model", "run": list(newest)}
        for analysis in find_runs(query, database):
            newest[analysis.config["run"]] = analysis
    # analysis.model is for auto-encoders alone.
    missing = [run.id for run in runs if newest[run.id] is None and is_auto_encoder(run)]
    if missing and (analyses or any(newest.values())):
        fault = (
            f"{len(missing)} of {len(runs)} runs have no finished analysis.model, which 'python -m "
            f"sweep analysis.model with run={','.join(map(str, missing))}' runs"
        )
        if analyses:
            raise InputError(f"{fault}; do so first, or leave analyses=True out")
        print(f"{fault}; without it D, C, I and the other scores of analyses are left out")
        newest = dict.fromkeys(newest)
    _check_equal_analyses(runs, newest)
    return Study(runs, newest, varied_paths(runs))


def _check_equal_analyses(runs: Sequence[Run], analyses: Mapping[int, Run | None]) -> None:
    """Raise an InputError if the analyses differ in more than the run that they look at."""
    settings = {run.id: _settings(run, a) for run in runs if (a := analyses[run.id]) is not None}
    if not settings:
        return
    newest = max(settings, key=lambda run_id: analyses[run_id].id)  # type: ignore[union-attr]
    for run_id, found in settings.items():
        wanted = settings[newest]
        keys = [key for key in wanted | found if found.get(key) != wanted.get(key)]
        if not keys:
            continue
        key, *_ = keys
        updates = " ".join(f"{key}={wanted.get(key)}".replace(" ", "") for key in keys)
        raise InputError(
            f"the newest analyses of runs {run_id} and {newest} differ in {key} "
            f"({found.get(key)} and {wanted.get(key)}), and so do their scores; run 'python -m "
            f"analysis.model with run={run_id} {updates}' first"
        )


def _settings(run: Run, analysis: Run) -> dict[str, Any]:
    ignored = VOLATILE | {"run"}
    found = {key: value for key, value in analysis.config.items() if key not in ignored}
    if found.get("step") == run.checkpoints[-1]:
        found["step"] = None  # two ways to name the last
    return found


def varied_paths(runs: Sequence[Run]) -> tuple[str, ...]:
    """Return the config paths in which runs differ, without seeds and volatile keys.

    A parameter that only some data sets (losses, ...) have says nothing beside their name, unless
    it varies where they have it.
    """
    configs = [dict(paths(run.config)) for run in runs]
    known = dict.fromkeys(path for config in configs for path in config)
    ignored = SEEDS | VOLATILE | SOURCE
    varied = [
        path
        for path in known
        if path.partition(".")[0] not in ignored
        and path != "dataset.download"
        and not any(isinstance(config.get(path), Mapping) for config in configs)
        and len({repr(config.get(path)) for config in configs}) > 1
    ]
    names = [path for path in varied if path.endswith(".name")]

    def follows(path: str, name: str) -> bool:
        pairs = {(repr(config.get(name)), repr(config.get(path))) for config in configs}
        return (
            path != name
            and path.startswith(name.removesuffix("name"))
            and any(config.get(path) is None for config in configs)
            and len(pairs) == len({name for name, _ in pairs})
        )

    return tuple(path for path in varied if not any(follows(path, name) for name in names))


def short_names(varied: Sequence[str]) -> dict[str, str]:
    """Return for each config path the shortest end of it that no other path has.

    `name` and `params` say nothing: training.loss.name is "loss", training.loss.params.beta "beta".
    """
    parts = {
        path: [p for p in path.removesuffix(".name").split(".") if p != "params"] for path in varied
    }
    short = {}
    for path, own in parts.items():
        ends = (own[-n:] for n in range(1, len(own) + 1))
        others = [other for name, other in parts.items() if name != path]
        end = next((e for e in ends if all(o[-len(e) :] != e for o in others)), path.split("."))
        short[path] = " ".join(end).replace("dataset", "data set").replace("_", " ")
    return short


def _group(run: Run) -> str:
    if run.config.get("source") is not None:  # what it went on from is of one seed, too
        return config_hash(run.config, VOLATILE | SEEDS | SOURCE)
    return run.identity.get("group_hash", str(run.id))


def _real_or_twin(run: Run) -> str:
    return "twin" if (run.info.get("dataset") or {}).get("is_twin") else "real"


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
