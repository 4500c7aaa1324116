"""A run of a sweep: skipped if finished, claimed, taken up where a dead one ended, and closed.

The process of a sweep's task has in its environment
    REPLEARN_SWEEP   the id of the sweep
    REPLEARN_CODE    any (default): a finished run of any code counts; same: only one of this code
    REPLEARN_LEASE   seconds without a sign of life after which others take over; default 150
"""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pymongo.database import Database
from pymongo.errors import ConnectionFailure, PyMongoError

from replearn.errors import InputError
from replearn.runs.claims import LEASE, Claim, claim, claim_key, holder, this_process
from replearn.runs.database import open_database
from replearn.runs.notices import reason, say
from replearn.runs.query import find_runs
from replearn.runs.resumption import StillRunning, UnusableState, find_dead
from replearn.runs.signals import CLAIMED, Interrupted, signals_handled, signals_held
from replearn.runs.spool import spooled_runs, sync
from replearn.training.engine import DivergedError

SHORTEST = 2.0  # seconds of a lease
PATIENCE = 60.0  # seconds that a task waits for a database that is away

T = TypeVar("T")


@dataclass(frozen=True)
class Sweep:
    """What the environment says of the sweep that this process is a task of."""

    id: str
    code: str
    lease: float


@dataclass(frozen=True)
class Turn:
    """What a task may do: run under `claim`, from `ancestor` if a dead run left its state; or end.

    With `exit_code` there is nothing to do, and `said` says why.
    """

    claim: Claim | None = None
    ancestor: Mapping[str, Any] | None = None
    exit_code: int | None = None
    said: str = ""


def sweep_of(environment: Mapping[str, str] = os.environ) -> Sweep | None:
    """Return the sweep that this process is a task of, None if it is none of any.

    Raises:
        InputError: if REPLEARN_CODE or REPLEARN_LEASE cannot be used.
    """
    if not environment.get("REPLEARN_SWEEP"):
        return None
    code = environment.get("REPLEARN_CODE") or "any"
    if code not in ("any", "same"):
        raise InputError(f"REPLEARN_CODE must be any or same, got {code!r}")
    given = environment.get("REPLEARN_LEASE") or str(LEASE)
    try:
        lease = float(given)
    except ValueError:
        lease = 0.0
    if not SHORTEST <= lease < 1e6:
        raise InputError(f"REPLEARN_LEASE must be at least {SHORTEST:.0f} seconds, got {given!r}")
    return Sweep(environment["REPLEARN_SWEEP"], code, lease)


def run_claimed(
    sweep: Sweep,
    run: Any,
    identity: Mapping[str, Any],
    resumed: Callable[[Mapping[str, Any]], Any],
    execute: Callable[[Any, Database, Claim | None], int],
) -> int:
    """Do what is to be done for the configuration of `run`, and return the exit code.

    Args:
        sweep: that this process is a task of.
        run: of Sacred, not started yet.
        identity: of the run.
        resumed: returns the run that goes on from a dead run of the configuration.
        execute: runs, settles the claim, and returns the exit code.

    Raises:
        InputError: if the configuration failed before, or the database stays away.
    """
    resume = run.config.get("resume", 0) is None
    turn = Turn()
    try:
        with signals_handled():
            database = patiently(open_database)
            turn = patiently(
                lambda: take_turn(database, sweep, run.experiment_info["name"], identity, resume)
            )
            if turn.exit_code is not None:
                print(turn.said)
                return turn.exit_code
            if turn.ancestor is not None:
                run = resumed(turn.ancestor)
            return execute(run, database, turn.claim)
    except BaseException as error:
        give_back(turn.claim)
        if not isinstance(error, Interrupted):
            raise
        return error.exit_code


def patiently(action: Callable[[], T]) -> T:
    """Return what `action` returns, waiting for a database that is away for a while.

    Raises:
        InputError: if it is away for longer.
    """
    deadline = time.monotonic() + PATIENCE
    told = False
    while True:
        try:
            return action()
        except (PyMongoError, InputError) as error:
            away = error if isinstance(error, PyMongoError) else error.__context__
            if not isinstance(away, ConnectionFailure):
                raise
            if time.monotonic() > deadline:
                raise InputError(
                    f"the database does not answer for {PATIENCE:.0f} s ({reason(away)}): "
                    "start it, or correct MONGO_URL"
                ) from error
        if not told:
            say(f"the database is away; waiting {PATIENCE:.0f} s for it")
            told = True
        time.sleep(1)


def same_runs(experiment: str, identity: Mapping[str, Any], code: str = "any") -> dict[str, Any]:
    """Return the query of the runs of one configuration, with code="same" those of this code."""
    query = {"experiment.name": experiment, "identity.config_hash": identity["config_hash"]}
    return query | ({"identity.code": identity["code"]} if code == "same" else {})


def finished_run(database: Database, query: Mapping[str, Any]) -> int | None:
    """Return the id of the newest run of `query` that is finished and complete."""
    found = database.runs.find({**query, "status": "COMPLETED"}, {"_id": 1})
    ids = [document["_id"] for document in found]
    return max(find_runs({"id": ids}, database).ids, default=None) if ids else None


def skipped(run_id: int) -> str:
    """Return what is said of a configuration that is finished."""
    return f"skipped: run {run_id} is finished and has this configuration"


def take_turn(
    database: Database, sweep: Sweep, experiment: str, identity: Mapping[str, Any], resume: bool
) -> Turn:
    """Claim a configuration, unless it is finished, another process has it, or it is hopeless.

    Args:
        resume: whether a dead run of the configuration is to be taken up again.

    Raises:
        InputError: if it failed before and is not to be tried again.
        Interrupted: if a signal comes; the claim is given back.
    """
    query = same_runs(experiment, identity, sweep.code)
    if (done := finished_run(database, query)) is not None:
        return Turn(exit_code=0, said=skipped(done))
    key = claim_key(experiment, identity["config_hash"])
    mine = None
    try:
        with signals_held():
            mine = claim(
                database, key, this_process(), sweep.lease, sweep.id, code=identity["code"]
            )
            turn = _look_around(database, mine, query, resume)
    except BaseException:
        give_back(mine)
        raise
    if turn is None:
        short = f"{experiment} {identity['config_hash'][:12]}"
        return Turn(exit_code=CLAIMED, said=f"claimed: {short} by {holder(database, key)}")
    return turn


def _look_around(
    database: Database, mine: Claim | None, query: Mapping[str, Any], resume: bool
) -> Turn | None:
    """Return the turn of a process that has the claim; None if it has none.

    Another process may have finished between the first look and the claim.
    """
    if mine is None:
        return None
    if spooled_runs(database.name):
        sync(database, say=say, claim=mine)
    if (done := finished_run(database, query)) is not None:
        mine.done(done)
        return Turn(exit_code=0, said=skipped(done))
    try:
        dead = find_dead(database, query, mine.key, mine.spoiled)
    except StillRunning as alive:
        mine.release()
        return Turn(exit_code=CLAIMED, said=f"claimed: run {alive.run_id} has this configuration")
    return Turn(mine, dead if resume else None)


def settle(observer: Any, failure: BaseException | None, ancestor: int | None = None) -> str | None:
    """Close the claim of a run that has ended, and return what is wrong with its storing, if so.

    Finished, and all there: done. Stopped by a signal: given back, and the attempt does not count.
    Failed by its configuration: refused. Anything else may work another time.

    Args:
        observer: of the run, with its claim.
        failure: what ended it, None if it came to its end.
        ancestor: the run that it was taken up from.
    """
    claim = observer.claim
    if observer.claim_lost or observer.spooled:
        return None  # the claim is another's, or the lease holds until the database is back
    if isinstance(failure, Interrupted):
        give_back(claim)
    elif failure is not None:
        own = _own_fault(failure)
        sentence = (str(failure) if own else reason(failure))[:1000]
        spoiled = ancestor if isinstance(failure, UnusableState) else None  # begun anew it may work
        retry = not own or spoiled is not None
        _close(claim, lambda held: held.failed(sentence, retry, spoiled))
    elif observer.failure:
        _close(claim, lambda held: held.failed(observer.failure, retry=True))
    else:
        return _close(claim, lambda held: _finish(held, observer.run_id))
    return None


def give_back(mine: Claim | None) -> None:
    """Release a claim, if there is one, and it is not closed yet."""
    if mine is not None:
        _close(mine, lambda held: held.release())


def _close(mine: Claim, change: Callable[[Claim], Any]) -> Any:
    """Change a claim on the server; if that fails, say so: it ends with its lease."""
    try:
        return change(mine)
    except PyMongoError as error:
        say(f"the claim of {mine.key} stays for {mine.seconds:.0f} s more ({reason(error)})")
        return None


def _finish(mine: Claim, run_id: int) -> str | None:
    if finished_run(mine.database, {"_id": run_id}) is not None:
        mine.done(run_id)
        return None
    sentence = f"run {run_id} is not complete in the database, see 'python -m runs verify'"
    mine.failed(sentence, retry=True)
    return sentence


def _own_fault(error: BaseException) -> bool:
    """Return whether the configuration is at fault: not the machine, and not the database."""
    by_server = isinstance(error.__cause__, (PyMongoError, OSError))
    return isinstance(error, DivergedError) or (isinstance(error, InputError) and not by_server)
