"""Drive a sweep: say what is asked for and what is there, run what is missing, say how it ended."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from replearn.runs.claims import forget, standings
from replearn.runs.pace import estimate, find_paces, find_progress
from replearn.runs.server import mongo_url
from replearn.runs.standing import (
    FINISHED,
    RUNNING,
    Standing,
    claim_keys,
    find_standings,
)
from replearn.runs.sweeps import is_cancelled, store_sweep
from replearn.sweep.cluster import Options, check_cluster, count_slots
from replearn.sweep.engine import run_sweep
from replearn.sweep.plan import Point, labels
from replearn.sweep.table import (
    LiveTable,
    duration_text,
    running_lines,
    runs_text,
    standing_lines,
)
from replearn.sweep.task import Outcome, Task, kind_among, wants_gpu

MOST_SHOWN = 10  # command lines of a dry run


@dataclass(frozen=True)
class Sweep:
    """What is asked for.

    `name` is the experiment's in run documents, `module` what starts it; `code` is the digest of
    the code, and with `same_code` only runs of this code count as finished.
    """

    module: str
    name: str
    words: Sequence[str]
    points: Sequence[Point]
    code: str
    same_code: bool = False
    cluster: str = "local"
    options: Options = Options()

    @property
    def hashes(self) -> list[str]:
        """The identities of the points."""
        return [point.config_hash for point in self.points]

    @property
    def labels(self) -> dict[str, str]:
        """Config hash -> the words by which a point differs from the others."""
        return labels({point.config_hash: point.words for point in self.points})

    def standings(self, database: Any) -> dict[str, Standing]:
        """Return config hash -> how it stands in the database."""
        return find_standings(database, self.name, self.hashes, self.code, self.same_code)

    def keys(self) -> dict[str, str]:
        """Return config hash -> id of its claim."""
        return claim_keys(self.name, self.hashes)


def forget_failures(sweep: Sweep, database: Any) -> int:
    """Let what failed be tried again, and return how many configurations that are."""
    failed = ("failed", "refused", "dead")
    found = standings(database, sweep.keys().values())
    return forget(database, [claim for claim in found.values() if claim["state"] in failed])


def plan_lines(
    sweep: Sweep, shape: str, n_typed: int, found: Mapping[str, Standing], database: Any
) -> list[str]:
    """Return what a sweep is, what is there of it, what will run, and how long that may take."""
    n = len(sweep.points)
    product = f"{shape} = " if shape else ""
    lines = [f"{sweep.module}: {product}{n_typed} point{'s' * (n_typed != 1)}"]
    if n < n_typed:
        lines += [f"{n_typed - n} of them are spelt otherwise only: {n} configurations"]
    lines += standing_lines(found, sweep.labels)
    todo = missing(sweep, found)
    if not todo:
        return lines
    at_once = min(len(todo), sum((slots_for(sweep, todo) or {}).values()))
    seconds = expected_seconds(sweep, todo, database)
    how = f"on {sweep.cluster}, {at_once} at once" if at_once > 1 else f"on {sweep.cluster}"
    return [*lines, f"{len(todo)} to run {how}; estimated time: {duration_text(seconds)}"]


def command_lines(sweep: Sweep, found: Mapping[str, Standing]) -> list[str]:
    """Return the first commands that would run."""
    todo = missing(sweep, found)
    lines = [f"python -m {sweep.module} with {' '.join(point.words)}" for point in todo]
    more = len(lines) - MOST_SHOWN
    return [*lines[:MOST_SHOWN], *([f"... and {more} more"] if more > 0 else [])]


def missing(sweep: Sweep, found: Mapping[str, Standing]) -> list[Point]:
    """Return the points to run: not finished, and not failed for good.

    What another sweep is running is among them: it is waited for, and run should it die.
    """
    return [
        point
        for point in sweep.points
        if not (found[point.config_hash].state == FINISHED or found[point.config_hash].settled)
    ]


def check_place(sweep: Sweep, todo: Sequence[Point]) -> None:
    """Raise an InputError if the points cannot be run where the sweep is to run."""
    options = _with_interval(sweep.options, todo)
    check_cluster(sweep.cluster, options, mongo_url())


def slots_for(sweep: Sweep, todo: Sequence[Point]) -> dict[str, int] | None:
    """Return how many of these points run at once, by kind of worker; None: nobody knows yet."""
    n_gpu = sum(wants_gpu(point.words) for point in todo)
    return count_slots(sweep.cluster, sweep.options, n_gpu, len(todo) - n_gpu)


def expected_seconds(sweep: Sweep, todo: Sequence[Point], database: Any) -> float | None:
    """Return how long the points take together.

    None if nothing like them is finished, or nobody knows how many run at once.
    """
    slots = slots_for(sweep, todo)
    if not slots:
        return None
    paces = find_paces(database, sweep.name)
    longest, work = 0.0, dict.fromkeys(slots, 0.0)
    for point in todo:
        if (seconds := estimate(paces, point.config)) is None:
            return None
        longest = max(longest, seconds)
        work[kind_among(slots, wants_gpu(point.words))] += seconds
    return max(longest, *(work[kind] / n for kind, n in slots.items()))


def drive(sweep: Sweep, found: Mapping[str, Standing], database: Any) -> int:
    """Run what is missing, with a live table; return 0 if then everything is finished, else 1."""
    if todo := missing(sweep, found):
        check_place(sweep, todo)
        sweep = replace(sweep, options=_with_interval(sweep.options, todo))
        sweep_id = _store(sweep, database)
        print(f"sweep {sweep_id}: python -m sweep status|cancel|retry {sweep_id}", flush=True)
        _run(sweep, sweep_id, todo, database)
        found = sweep.standings(database)
        if is_cancelled(database, sweep_id):
            print(f"sweep {sweep_id} was cancelled; the same command goes on with what is missing")
        print("\n".join(standing_lines(found, sweep.labels)))
    done = [each.run_id for each in found.values() if each.state == FINISHED]
    ids = [run_id for run_id in done if run_id is not None]
    print(f"{len(done)} of {len(found)} finished" + (f": {runs_text(ids)}" if ids else ""))
    return 0 if len(done) == len(found) else 1


def _run(sweep: Sweep, sweep_id: str, todo: Sequence[Point], database: Any) -> None:
    tasks = _tasks(sweep, sweep_id, todo, database)
    hashes = [point.config_hash for point in todo]

    def look():
        return find_progress(database, sweep.name, hashes)

    shown = {key: text for key, text in sweep.labels.items() if key in set(hashes)}
    with LiveTable(shown, look, expected_seconds(sweep, todo, database)) as table:

        def report(index: int, outcome: Outcome) -> None:
            table.ended(hashes[index], _how(outcome), outcome.sentence)

        run_sweep(tasks, sweep.cluster, sweep.options, report)


def _tasks(sweep: Sweep, sweep_id: str, todo: Sequence[Point], database: Any) -> list[Task]:
    environment = {
        "MONGO_URL": mongo_url(),
        "MONGO_DB": database.name,
        "REPLEARN_SWEEP": sweep_id,
        "REPLEARN_CODE": "same" if sweep.same_code else "any",
    }
    keys = sweep.keys()
    return [
        Task(i, sweep.module, _quiet(point), environment, keys[point.config_hash])
        for i, point in enumerate(todo)
    ]


def _quiet(point: Point) -> tuple[str, ...]:
    """Return the words of a point without a progress bar, which nobody sees."""
    asked = any(word.startswith("progress=") for word in point.words)
    quiet = [] if asked or "progress" not in point.config else ["progress=False"]
    return (*point.words, *quiet)


def _how(outcome: Outcome) -> str:
    if outcome.finished:
        return "skipped" if (outcome.sentence or "").startswith("skipped:") else "done"
    return "cancelled" if outcome.cancelled else "failed"


def _with_interval(options: Options, todo: Sequence[Point]) -> Options:
    """Return options that know the longest time between two resume states."""
    given = [point.config["resume_every"] for point in todo if "resume_every" in point.config]
    return replace(options, resume_every=max(map(float, given))) if given else options


def _store(sweep: Sweep, database: Any) -> str:
    options = {"cluster": sweep.cluster, "code": sweep.code, "same_code": sweep.same_code}
    options["options"] = asdict(sweep.options)
    points = [{"config_hash": point.config_hash, "words": point.words} for point in sweep.points]
    return store_sweep(database, sweep.name, sweep.module, sweep.words, points, options)


def is_running(document: Mapping[str, Any], database: Any) -> bool:
    """Return whether a run of a stored sweep is running: of this one, not of one that shares it."""
    hashes = [point["config_hash"] for point in document["points"]]
    claims = standings(database, claim_keys(document["experiment"], hashes).values()).values()
    return any(each["state"] == RUNNING and each["sweep"] == document["_id"] for each in claims)


def status_lines(document: Mapping[str, Any], database: Any) -> tuple[list[str], bool]:
    """Return how a stored sweep stands, and whether all of it is finished."""
    points = document["points"]
    hashes = [point["config_hash"] for point in points]
    code = document["options"].get("code")
    same_code = bool(document["options"].get("same_code"))
    found = find_standings(
        database, document["experiment"], hashes, code if same_code else None, same_code
    )
    shown = labels({point["config_hash"]: point["words"] for point in points})
    cancelled = ", cancelled" if document["cancelled"] else ""
    lines = [
        f"sweep {document['_id']} of {document['created']:%Y-%m-%d %H:%M} UTC on "
        f"{document['cluster']}{cancelled}: {document['module']}, {len(points)} points",
        *standing_lines(found, shown),
    ]
    if any(each.state == RUNNING for each in found.values()):
        lines += running_lines(find_progress(database, document["experiment"], hashes), shown)
    return lines, all(each.state == FINISHED for each in found.values())
