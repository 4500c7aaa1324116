"""Runs that could not be stored wait in sims/spool until `sync` brings them to the database.

sims/spool/<database>/<run id>/
    run.json         the run document, with its final status (MongoDB extended JSON)
    metrics.json     all points of all metrics
    artifacts.json   what is stored, and what waits with length and sha256
    artifacts/       the files that wait
    database.json    which database the run belongs to
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bson import ObjectId, json_util
from gridfs import GridFS
from pymongo.database import Database
from pymongo.errors import PyMongoError

from replearn.errors import InputError
from replearn.paths import sims_folder
from replearn.runs.artifacts import ArtifactStore, digest
from replearn.runs.claims import Claim, is_superseded
from replearn.runs.database import ensure_indexes
from replearn.runs.metrics import MetricStore
from replearn.runs.record import IdTaken, RunRecord, WrongDatabase

# Numbers of metrics need no types; those of the document keep theirs.
_EXACT = json_util.CANONICAL_JSON_OPTIONS.with_options(tz_aware=False)
_SHORT = json_util.RELAXED_JSON_OPTIONS.with_options(tz_aware=False)


def spool_folder() -> Path:
    """Return the folder of runs that wait: sims/spool."""
    return sims_folder() / "spool"


def spooled_runs(database_name: str, folder: Path | None = None) -> list[Path]:
    """Return the folders of the runs of a database that wait, by id."""
    base = (folder or spool_folder()) / database_name
    found = [path.parent for path in base.glob("[0-9]*/run.json")]
    return sorted(found, key=lambda path: [int(n) for n in path.name.split("-") if n.isdigit()])


class SpoolPlace:
    """Where one run keeps what waits; below `base`, made when the first thing waits."""

    def __init__(self, base: Path):
        self.base = base
        self._folder: Path | None = None

    def folder(self) -> Path:
        """Return the folder of this run: a hidden one until `keep` has written all of the run."""
        if self._folder is None:
            folder = self.base / f".{os.getpid()}-{ObjectId()}"
            folder.mkdir(parents=True)
            self._folder = folder
        return self._folder

    def copies(self) -> Path:
        """Return the folder of the files that wait."""
        copies = self.folder() / "artifacts"
        copies.mkdir(exist_ok=True)
        return copies

    def keep(self, record: RunRecord, server: str) -> Path:
        """Write `record`, which `server` does not take, for `sync`; return its folder.

        The folder gets its name at once when all is written, so that no half of a run is ever
        taken for one.

        Raises:
            OSError: if the disk is full or cannot be written.
        """
        folder = self.folder()
        self.copies()
        record.artifacts.keep_copies = True
        _dump(folder / "artifacts.json", record.artifacts.to_document())
        _dump(folder / "metrics.json", record.metrics.to_document(), _SHORT)
        _dump(folder / "database.json", {"key": record.key, "server": server})
        _dump(folder / "run.json", record.document)
        number = 1
        while folder.name.startswith("."):
            place = self.base / (f"{record.run_id}-{number}" if number > 1 else f"{record.run_id}")
            if place.exists():  # of another database with this name
                number += 1
            else:
                folder = self._folder = folder.rename(place)
                _sync_folder(self.base)
        return folder

    def clear(self) -> None:
        """Remove the folder: the database has all of the run."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None


def read_spool(folder: Path, database: Database) -> RunRecord:
    """Return the run that `SpoolPlace.keep` wrote to `folder`, to be stored in `database`.

    Raises:
        InputError: if a file is missing or damaged.
    """
    try:
        document = _load(folder / "run.json")
        run_id = document["_id"]
        metrics = _load(folder / "metrics.json")
        artifacts = ArtifactStore.from_document(
            _load(folder / "artifacts.json"), GridFS(database), folder / "artifacts"
        )
        store = MetricStore.from_document(metrics, database.metrics, run_id)
        for entry in artifacts.waiting.values():
            if digest(folder / "artifacts" / entry.file) != (entry.length, entry.sha256):
                raise InputError(f"{folder / 'artifacts' / entry.file} is damaged")
        origin = folder / "database.json"
        belongs = _load(origin) if origin.exists() else {"key": None}
    except InputError:
        raise
    except (OSError, KeyError, TypeError, ValueError) as error:
        reason = str(error) or type(error).__name__
        raise InputError(f"the spooled run in {folder} cannot be read: {reason}") from None
    record = RunRecord(database, document, store, artifacts)
    record.key = belongs["key"]
    return record


def sync(
    database: Database,
    folder: Path | None = None,
    say: Callable[[str], None] = print,
    claim: Claim | None = None,
) -> list[int]:
    """Store the runs that wait for `database`, and return the ids of those stored.

    What the database already has is not sent again, so a sync that was cut off can be repeated. A
    run leaves the spool once the database has all of it. One that cannot be stored stays, and
    `say` is told why; `spooled_runs` lists what is left. A finished run whose configuration another
    process has taken over since is stored as INTERRUPTED: no configuration is finished twice. With
    a `claim` only the runs of that configuration are stored, and become the claim's.
    """
    waiting = spooled_runs(database.name, folder)
    if waiting:
        ensure_indexes(database)
    synced = []
    for place in waiting:
        try:
            record = read_spool(place, database)
            document = record.document
            if claim is not None:
                if (document.get("claim") or {}).get("key") != claim.key:
                    continue
                document["claim"] = claim.document()
            elif document["status"] == "COMPLETED" and is_superseded(database, document):
                document["status"] = "INTERRUPTED"
            record.finish()
        except InputError as error:
            say(str(error))
        except WrongDatabase:
            say(
                f"run {place.name} stays in {place}: it belongs to the database that was at "
                f"{_load(place / 'database.json')['server']}; name that in MONGO_URL, or delete "
                "database.json there to store the run in this one"
            )
        except IdTaken:
            say(
                f"run {place.name} stays in {place}: database {database.name} has another run "
                "with this id by now; sync it into a database of its own with MONGO_DB"
            )
        except (PyMongoError, OSError) as error:
            say(f"run {place.name} stays in {place}: {type(error).__name__}: {_first_part(error)}")
        else:
            shutil.rmtree(place)
            synced.append(record.run_id)
            say(f"run {record.run_id} is stored ({record.document['status']})")
    return synced


def _first_part(error: Exception) -> str:
    return str(error).partition(", Timeout:")[0][:200]


def _dump(path: Path, document: Any, options: json_util.JSONOptions = _EXACT) -> None:
    """Write a file at once and to the disk."""
    part = path.with_name(path.name + ".part")
    try:
        with open(part, "w", encoding="utf-8") as file:
            file.write(json_util.dumps(document, json_options=options))
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def _load(path: Path) -> Any:
    return json_util.loads(path.read_text(encoding="utf-8"), json_options=_EXACT)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
