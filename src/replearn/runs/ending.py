"""The end of a run: all of it stored, or kept in the spool when the database stays away."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

from bson.errors import BSONError
from pymongo.errors import ConnectionFailure, PyMongoError
from sacred.utils import IntervalTimer

from replearn.runs import signals
from replearn.runs.notices import reason, say, server_name
from replearn.runs.record import RunRecord
from replearn.runs.spool import SpoolPlace

BEAT_SECONDS = 120.0  # a last heartbeat that takes longer hangs


def join_last_beat() -> None:
    """Wait for the heartbeat that Sacred has told to stop; Sacred itself waits only 2 s."""
    for thread in threading.enumerate():
        if isinstance(thread, IntervalTimer) and thread.stopped.is_set():
            if thread is not threading.current_thread():
                thread.join(BEAT_SECONDS)


def store_or_spool(
    record: RunRecord, place: SpoolPlace, patience: float, confirm: Callable[[], None]
) -> tuple[Path | None, str | None]:
    """Store the finished `record`, trying for `patience` seconds.

    Each try calls `confirm` before the status is set, which may raise a PyMongoError and correct
    it.
    Returns the folder where the run waits, and the sentence that says what is lost; both are None
    once the database has all of the run.
    """
    deadline = time.monotonic() + patience
    server = server_name(record.database)
    spooled: Path | None = None
    lost: str | None = None
    while True:
        try:
            record.finish(confirm)
        except (PyMongoError, OSError, BSONError) as error:
            first = spooled is None and lost is None
            last = time.monotonic() > deadline or signals.in_a_hurry()
            if first or last:
                # Before waiting: should this process be killed now, all is on the disk.
                spooled, lost = _spool(record, place, server)
            if first:
                say(
                    f"run {record.run_id} cannot be stored at {server} ({reason(error)}); "
                    f"trying for {patience:.0f} s more"
                )
            if last:
                if not isinstance(error, ConnectionFailure):
                    _mark_failed(record, spooled)
                return spooled, lost
            time.sleep(1)
        else:
            place.clear()
            return None, None


def _spool(record: RunRecord, place: SpoolPlace, server: str) -> tuple[Path | None, str | None]:
    try:
        record.close()
        return place.keep(record, server), None
    except OSError as error:
        return None, (
            f"run {record.run_id} is lost in part: the database does not take it, and "
            f"{place.base} cannot be written ({error.strerror})"
        )


def _mark_failed(record: RunRecord, spooled: Path | None) -> None:
    """Let a server that answers but does not take the run say so; `sync` sets it right."""
    key = {"_id": record.run_id, "start_time": record.document["start_time"]}
    trace = [f"run {record.run_id} could not be stored and waits in {spooled}\n"]
    stop = record.document["stop_time"]
    fields = {"status": "FAILED", "stop_time": stop, "fail_trace": trace}
    try:
        record.check()
        record.database.runs.update_one(key, {"$set": fields})
    except PyMongoError:
        pass  # then it stays RUNNING without a heartbeat, which readers take for dead
