"""The observer that loses nothing: Sacred's events, stored in MongoDB or kept until they can be.

Sacred's own MongoObserver is switched off by the first value that it cannot store and by the first
outage, and the run still ends as COMPLETED. Here no event raises: what the server does not take is
kept and sent again with the next heartbeat, and only a run that is stored whole ends as COMPLETED.
"""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from bson.errors import BSONError
from gridfs import GridFS
from pymongo.database import Database
from pymongo.errors import PyMongoError
from sacred.observers.mongo import MongoObserver
from sacred.serializer import flatten

from replearn.errors import InputError
from replearn.runs import signals
from replearn.runs.artifacts import ArtifactStore, digest
from replearn.runs.claims import Claim
from replearn.runs.database import ensure_indexes
from replearn.runs.ending import join_last_beat, store_or_spool
from replearn.runs.lease import LeaseKeeper
from replearn.runs.metrics import MetricStore
from replearn.runs.notices import reason, say, server_name
from replearn.runs.output import shorten
from replearn.runs.plain import plain
from replearn.runs.record import RunRecord, to_milliseconds
from replearn.runs.sources import store_sources
from replearn.runs.spool import SpoolPlace
from replearn.runs.spool import spool_folder as default_spool_folder

PATIENCE = 60.0  # seconds that a finished run waits for a server that is away
HASTE = 10.0  # and an interrupted one: SLURM kills 30 s after it asks
BACKOFF = 5.0  # seconds without another try when one has failed


class RunObserver(MongoObserver):
    """Stores a run in `database`, in the format of Sacred's MongoObserver-0.7.0.

    Args:
        database: from `open_database`.
        identity: `config_hash`, `group_hash`, `data`, `code`; a top-level field of the document.
        spool_folder: where a run waits that cannot be stored; default sims/spool.
        patience: seconds to wait for the server at the end of a run; default PATIENCE.
        claim: kept as long as the run goes on; a run that loses it is stopped, and never COMPLETED.

    After the run, `failure` is None if the database has all of it, else a sentence; `spooled` is
    the folder where the run waits for `python -m runs sync`, if it does.
    """

    def __init__(
        self,
        database: Database,
        identity: Mapping[str, Any] | None = None,
        spool_folder: Path | None = None,
        patience: float | None = None,
        claim: Claim | None = None,
    ):
        self.database = database
        self.claim = claim
        self._lease: LeaseKeeper | None = None
        self.identity = dict(identity or {})
        self.patience = PATIENCE if patience is None else patience
        self.spooled: Path | None = None
        self.record: RunRecord | None = None
        self._place = SpoolPlace((spool_folder or default_spool_folder()) / database.name)
        self._lost: str | None = None
        self._away_until = 0.0
        self._away_since: float | None = None
        self._told: set[tuple[str, str]] = set()
        self._lock = threading.RLock()
        super().initialize(database.runs, GridFS(database), metrics_collection=database.metrics)

    @property
    def run_id(self) -> int | None:
        """The id of the run, None before it has started."""
        return self.record.run_id if self.record else None

    @property
    def failure(self) -> str | None:
        """What is not stored as it should be, in one sentence; None if nothing is amiss."""
        if self._lost:
            return self._lost
        if self.spooled:
            return (
                f"run {self.run_id} could not be stored and waits in {self.spooled}: "
                "python -m runs sync stores it once the database can take it"
            )
        return self.record.problems[0] if self.record and self.record.problems else None

    @property
    def claim_lost(self) -> str:
        """Who has taken over the configuration of this run, in a sentence; empty if nobody has."""
        return self._lease.lost if self._lease else ""

    @property
    def status(self) -> str | None:
        """The status that the database has or `sync` will give it: FAILED if anything is lost."""
        return self.record.document["status"] if self.record else None

    # Sacred's events

    def queued_event(self, *args: Any, **kwargs: Any) -> None:
        raise InputError("a queued run is never started by anything: leave out -q (--queue)")

    def started_event(
        self,
        ex_info: Mapping[str, Any],
        command: str,
        host_info: Mapping[str, Any],
        start_time: datetime,
        config: Mapping[str, Any],
        meta_info: Mapping[str, Any],
        _id: int | None,
    ) -> int:
        """Insert the run's document and return its id.

        Raises:
            InputError: if an id was given, or the database fails: a run starts stored or not.
        """
        if _id is not None:
            raise InputError("the database numbers the runs: leave out -i (--id)")
        document = {
            "_id": None,
            "experiment": plain(ex_info),
            "format": self.VERSION,
            "command": command,
            "host": plain(host_info),
            "start_time": to_milliseconds(start_time),
            "config": flatten(config),
            "meta": plain(meta_info),
            "status": "RUNNING",
            "resources": [],
            "artifacts": [],
            "captured_out": "",
            "info": {},
            "heartbeat": None,
            "identity": self.identity,
        }
        if self.claim is not None:
            document["claim"] = self.claim.document()
        metrics = MetricStore(self.database.metrics)
        artifacts = ArtifactStore(self.fs, self._place.copies)
        record = RunRecord(self.database, document, metrics, artifacts)
        with signals.signals_held():
            try:
                ensure_indexes(self.database)
                document["experiment"]["sources"] = self.save_sources(ex_info)
                record.insert()
                if self.claim is not None:
                    self._lease = LeaseKeeper(self.claim, record.check)
                    self._lease.start(record.run_id)
            except (PyMongoError, BSONError) as error:
                raise InputError(
                    f"the run cannot be stored in database {self.database.name} at "
                    f"{server_name(self.database)}: {reason(error)}"
                ) from error
            self.record, self.run_entry = record, document
        return record.run_id

    def log_metrics(self, metrics_by_name: Mapping[str, Mapping], info: dict) -> None:
        """Remember points; the heartbeat that follows sends them."""
        if self.record is None:
            return
        with self._lock:
            for name, points in metrics_by_name.items():
                self.record.metrics.add(
                    name, points["steps"], points["values"], points["timestamps"]
                )
            for name, reasons in self.record.metrics.dropped.items():
                for reason in reasons.keys() - {r for n, r in self._told if n == name}:
                    self._told.add((name, reason))
                    say(f"a value of metric {name} is {reason}: such points are left out")

    def heartbeat_event(
        self, info: dict, captured_out: str, beat_time: datetime, result: Any
    ) -> None:
        """Take over info, output and result, and send what is new."""
        with self._lock, self._recorded("the heartbeat") as record:
            self._set(record, "info", plain(info))
            self._set(record, "result", plain(result))
            record.document["captured_out"] = plain(shorten(captured_out))
            record.document["heartbeat"] = to_milliseconds(beat_time)
            if time.monotonic() > self._away_until:  # a try costs seconds, the end waits for it
                record.flush()
                self._is_back()

    def artifact_event(
        self,
        name: str,
        filename: str,
        metadata: Mapping[str, Any] | None = None,
        content_type: str | None = None,
    ) -> None:
        """Store a file under `name`; a file of that name from before is replaced.

        When the server is away a copy is kept, so the caller may delete the file at once.
        """
        with signals.signals_held(), self._recorded(f"artifact {name}") as record:
            if not name or "/" in name or "\0" in name:
                self._problem(f"artifact {name!r} was not stored: its name must have no slash")
                return
            try:
                failure = record.artifacts.add(
                    name,
                    Path(filename),
                    metadata,
                    content_type,
                    time.monotonic() > self._away_until,
                )
            except OSError as error:
                self._problem(f"artifact {name} ({filename}) was not stored: {error.strerror}")
                return
            if failure is not None:
                raise failure
            with self._lock:
                if name not in record.artifacts.waiting:
                    record.save()

    def resource_event(self, filename: str) -> None:
        """Note path, sha256 and length of a file that the run reads; its bytes are not stored."""
        with signals.signals_held(), self._recorded(f"resource {filename}") as record:
            try:
                length, sha256 = digest(Path(filename))
            except OSError as error:
                self._problem(f"resource {filename} cannot be read: {error.strerror}")
                return
            with self._lock:
                resource = [str(filename), f"sha256:{sha256}", length]
                if resource not in record.document["resources"]:
                    record.document["resources"].append(resource)
                    record.save()

    def completed_event(self, stop_time: datetime, result: Any) -> None:
        self._finish("COMPLETED", stop_time, result=plain(result))

    def interrupted_event(self, interrupt_time: datetime, status: str) -> None:
        self._finish(status, interrupt_time)

    def failed_event(self, fail_time: datetime, fail_trace: list[str]) -> None:
        self._finish("FAILED", fail_time, fail_trace=plain(fail_trace))

    def join(self) -> None:
        """Nothing to wait for: the final events return when all is stored or spooled."""

    def save_sources(self, ex_info: Mapping[str, Any]) -> list[list]:
        """Store the sources that the database lacks; return [relative path, GridFS id] of all."""
        files = [name for name, _ in ex_info["sources"]]
        return store_sources(self.database, Path(ex_info["base_dir"]), files)

    # The end of a run

    def _finish(self, status: str, stop_time: datetime, **fields: Any) -> None:
        """Store all that is left; if the server stays away, leave the run in the spool."""
        signals.signals_dropped()
        record = self.record
        if record is None or self.spooled:
            return
        join_last_beat()
        with self._lock:
            for key, value in fields.items():
                self._set(record, key, value)
            record.document["status"] = status
            record.document["stop_time"] = to_milliseconds(stop_time)
            patience = self.patience if status in ("COMPLETED", "FAILED") else HASTE
            try:
                self.spooled, self._lost = store_or_spool(
                    record,
                    self._place,
                    min(patience, self.patience),
                    confirm=self._confirm,
                )
            except Exception as error:  # Sacred would print this and end with exit code 0
                self._lost = f"run {record.run_id} could not be stored: {reason(error)}"
        if self._lease is not None:
            self._lease.stop()
        if self.failure:
            say(self.failure)

    def _confirm(self) -> None:
        """Finish no run whose configuration another process has taken over."""
        if self._lease is not None and not self._lease.confirm() and self.record is not None:
            if self.record.document["status"] == "COMPLETED":
                self.record.document["status"] = "INTERRUPTED"

    # Outages and problems

    @contextmanager
    def _recorded(self, what: str) -> Iterator[RunRecord]:
        """Run a block on the record; an outage is noted, and nothing is raised.

        Sacred never calls an observer again that has raised once.
        """
        if self.record is None:
            raise RuntimeError("an event before the run has started")
        try:
            yield self.record
        except PyMongoError as error:
            self._is_away(error)
        except Exception as error:
            self._problem(f"{what} could not be stored: {reason(error)}")

    def _is_away(self, error: PyMongoError) -> None:
        self._away_until = time.monotonic() + BACKOFF
        if self._away_since is None:
            self._away_since = time.monotonic()
            say(
                f"the database at {server_name(self.database)} does not take the run "
                f"({reason(error)}); everything is kept and sent again later"
            )

    def _is_back(self) -> None:
        self._away_until = 0.0
        if self._away_since is not None:
            seconds = time.monotonic() - self._away_since
            self._away_since = None
            say(f"the database is back after {seconds:.0f} s and has all of the run")

    def _problem(self, sentence: str) -> None:
        if self.record is not None and self.record.note(sentence):
            say(sentence)

    def _set(self, record: RunRecord, key: str, value: Any) -> None:
        known = len(record.problems)
        record.set_field(key, value)
        for problem in record.problems[known:]:
            say(problem)
