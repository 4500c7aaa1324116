"""Runs in one tar file: written, opened and checked, without ever holding a file in memory.

    runs/<id>/run.json           the run document; names, lengths and digests of its other entries
    runs/<id>/metric-<n>.json    one metric document
    files/<sha256>.<suffix>      an artifact or a source, byte by byte: safetensors, npz, json …
    manifest.json                the format, the database, length and sha256 of each run.json

Documents are JSON, in MongoDB's canonical extended form. Equal files are stored once.
"""

import hashlib
import json
import os
import re
import tarfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import gridfs
from bson import json_util
from bson.errors import BSONError
from gridfs.errors import CorruptGridFile, NoFile
from pymongo.database import Database
from tqdm import tqdm

from replearn.errors import InputError
from replearn.runs.database import database_key

FORMAT = "replearn-runs-2"
MANIFEST = "manifest.json"
ENTRY = re.compile(
    r"manifest\.json|runs/[0-9]+/(run|metric-[0-9]+)\.json|files/[0-9a-f]{64}(\.[a-z0-9]{1,16})?"
)
JSON_OPTIONS = json_util.CANONICAL_JSON_OPTIONS
NOT_ENDED = ("RUNNING", "QUEUED", "IMPORTING")
_BLOCK = 1 << 20
_MAX_JSON = 1 << 28  # a document of 16 MB is less than that as JSON


def export_runs(run_ids: Sequence[int], path: Path, database: Database) -> None:
    """Write runs with their metrics, artifacts and sources to the tar file `path`.

    Raises:
        InputError: if a run does not exist, is still running or is damaged, or `path` exists.
    """
    run_ids = list(dict.fromkeys(run_ids))
    if path.exists():
        raise InputError(f"{path} exists; give another name, or remove it first")
    if not path.parent.is_dir():
        raise InputError(f"{path.parent} is no folder to write {path.name} to")
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with tarfile.open(partial, "x") as tar:
            writer = _Writer(tar, database)
            runs = [
                {"id": run_id, **writer.add_run(run_id)}
                for run_id in tqdm(run_ids, "export", unit="run", disable=None)
            ]
            key = database_key(database) or database_key(database, make=True)
            manifest = {
                "format": FORMAT,
                "database": {"name": database.name, "key": str(key)},
                "runs": runs,
            }
            writer.add_bytes(MANIFEST, json.dumps(manifest, indent=1).encode())
        partial.rename(path)
    except OSError as error:
        raise InputError(f"{path} could not be written ({error.strerror or error})") from error
    finally:
        partial.unlink(missing_ok=True)


class _Hashed:
    """A file that is hashed while it is read."""

    def __init__(self, file: Any):
        self.file, self.sha256 = file, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self.file.read(size)
        self.sha256.update(data)
        return data


class _Writer:
    """Adds entries to a tar file, each once."""

    def __init__(self, tar: tarfile.TarFile, database: Database):
        self.tar, self.database = tar, database
        self.files: dict[Any, dict[str, Any]] = {}
        self.names: set[str] = set()

    def add_run(self, run_id: int) -> dict[str, Any]:
        """Add all of a run; return length and sha256 of its run.json."""
        document = self.database.runs.find_one({"_id": run_id})
        if document is None:
            raise InputError(f"the database {self.database.name!r} has no run {run_id}")
        if document.get("status") in NOT_ENDED:
            raise InputError(
                f"run {run_id} is {document['status']}; only ended runs can be exported"
            )
        recorded = (document.get("completion") or {}).get("artifacts") or {}
        files = [
            self.add_file(name, artifact["file_id"], f"artifact {name!r} of run {run_id}",
                          recorded.get(name) or {})
            for artifact in document.get("artifacts") or []
            for name in [artifact["name"]]
        ]  # fmt: skip
        files += [
            self.add_file(name, file_id, f"source {name!r} of run {run_id}", {})
            for name, file_id in (document.get("experiment") or {}).get("sources") or []
        ]
        metrics = [
            self.add_bytes(f"runs/{run_id}/metric-{i}.json", _dumped(metric))
            for i, metric in enumerate(
                self.database.metrics.find({"run_id": run_id}).sort("name", 1)
            )
        ]
        record = {"run": document, "metrics": metrics, "files": files}
        entry = self.add_bytes(f"runs/{run_id}/run.json", _dumped(record))
        return {"length": entry["length"], "sha256": entry["sha256"]}

    def add_bytes(self, name: str, data: bytes) -> dict[str, Any]:
        self._add(name, len(data), BytesIO(data))
        return {"entry": name, "length": len(data), "sha256": hashlib.sha256(data).hexdigest()}

    def add_file(
        self, name: str, file_id: Any, owner: str, expected: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Add a file of GridFS that is what was recorded of it; return where it is."""
        if file_id not in self.files:
            try:
                self.files[file_id] = self._copy(name, file_id, owner, expected)
            except NoFile:
                raise InputError(
                    f"{owner} is missing from the database {self.database.name!r}"
                ) from None
            except CorruptGridFile as error:
                raise InputError(f"{owner} is damaged: {str(error).rstrip('.')}") from None
        return self.files[file_id]

    def _copy(
        self, name: str, file_id: Any, owner: str, expected: Mapping[str, Any]
    ) -> dict[str, Any]:
        files = gridfs.GridFS(self.database)
        stored = files.get(file_id)
        if stored.length != expected.get("length", stored.length):
            raise InputError(
                f"{owner} is damaged: {stored.length} of {expected['length']} bytes are left"
            )
        sha256 = expected.get("sha256") or (stored.metadata or {}).get("sha256")
        sha256 = sha256 or _sha256(files.get(file_id))
        suffix = Path(name).suffix.lower()
        entry = f"files/{sha256}{suffix if re.fullmatch(r'[.][a-z0-9]{1,16}', suffix) else ''}"
        if entry not in self.names:
            hashed = _Hashed(stored)
            self._add(entry, stored.length, hashed)
            if hashed.sha256.hexdigest() != sha256:
                raise InputError(f"{owner} is damaged: its sha256 is not the one that was recorded")
        description = self.database.fs.files.find_one({"_id": file_id})
        return {"file": description, "entry": entry, "length": stored.length, "sha256": sha256}

    def _add(self, name: str, length: int, data: Any) -> None:
        info = tarfile.TarInfo(name)
        info.size, info.mtime, info.mode = length, int(time.time()), 0o644
        self.tar.addfile(info, data)
        self.names.add(name)


class Archive:
    """An archive that is open: `run_ids` in their order, `origin` the database that they are of.

    Raises:
        InputError: if it has entries that no archive of runs has, or no manifest.
    """

    def __init__(self, path: Path, tar: tarfile.TarFile):
        self.path, self.tar = path, tar
        self.members: dict[str, tarfile.TarInfo] = {}
        for member in tar:
            # Nothing is ever unpacked to disk, but what tries to escape is no archive of ours.
            plain = member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not member.issparse()
            if not plain or not ENTRY.fullmatch(member.name):
                kind = "" if plain else ", which is no plain file,"
                raise InputError(
                    f"{path} is refused: {member.name!r}{kind} has no place in an archive of runs"
                )
            if member.name in self.members:
                raise self._damaged(f"{member.name} is in it twice")
            self.members[member.name] = member
        try:
            manifest = json.loads(self.read(MANIFEST))
            self.origin = {"name": str(manifest["database"]["name"])}
            self.origin["key"] = str(manifest["database"]["key"])
            self.runs = {run["id"]: (run["length"], run["sha256"]) for run in manifest["runs"]}
            good = manifest["format"] == FORMAT and all(
                type(i) is int and i >= 0 for i in self.runs
            )
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
            good = False
        if not good:
            raise InputError(
                f"{path} is no archive of runs, or is cut off: it has no manifest of {FORMAT}"
            )

    @property
    def run_ids(self) -> list[int]:
        """The ids that the runs had."""
        return list(self.runs)

    def check(self) -> None:
        """Compare every entry with what the manifest and the runs say of it, byte by byte.

        Raises:
            InputError: if something is missing, changed, or not spoken of.
        """
        expected: dict[str, tuple[int, str]] = {}
        for run_id in self.runs:
            record = self.record(run_id)
            for part in (*record["metrics"], *record["files"]):
                expected[part["entry"]] = part["length"], part["sha256"]
        spoken_of = {MANIFEST, *expected, *(f"runs/{run_id}/run.json" for run_id in self.runs)}
        if spoken_of != set(self.members):
            odd = min(spoken_of ^ set(self.members))
            raise self._damaged(f"{odd} is missing, or is in it without belonging to a run")
        for name, (length, sha256) in tqdm(expected.items(), "check", unit="file", disable=None):
            if self.members[name].size != length or _sha256(self.open(name)) != sha256:
                raise self._damaged(f"{name} is not what its run says")

    def record(self, run_id: int) -> dict[str, Any]:
        """Return `run`, and where its `metrics` and `files` are.

        Raises:
            InputError: if the record was changed, or is incomplete.
        """
        name = f"runs/{run_id}/run.json"
        try:
            data = self.read(name)
            if (len(data), hashlib.sha256(data).hexdigest()) != self.runs[run_id]:
                raise self._damaged(f"{name} is not what the manifest says")
            record = json_util.loads(data, json_options=JSON_OPTIONS)
            document = record["run"]
            files = {file["file"]["_id"] for file in record["files"]}
            named = {artifact["file_id"] for artifact in document.get("artifacts") or []}
            named |= {i for _, i in (document.get("experiment") or {}).get("sources") or []}
            parts = [*record["metrics"], *record["files"]]
            there = all(part["entry"] in self.members for part in parts)
            ended = document["status"] not in NOT_ENDED
            whole = document["_id"] == run_id and ended and there and named <= files
        except InputError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError, BSONError):
            whole, record = False, {}
        if not whole:
            raise self._damaged(f"run {run_id} is incomplete in it")
        return record

    def metric(self, part: Mapping[str, Any]) -> dict[str, Any]:
        """Return one metric document."""
        return json_util.loads(self.read(part["entry"]), json_options=JSON_OPTIONS)

    def open(self, name: str) -> IO[bytes]:
        """Return an entry as a file."""
        file = self.tar.extractfile(self.members[name])
        if file is None:
            raise self._damaged(f"{name} is no file")
        return file

    def read(self, name: str) -> bytes:
        """Return an entry of JSON."""
        if self.members[name].size > _MAX_JSON:
            raise self._damaged(f"{name} is larger than any document")
        return self.open(name).read()

    def _damaged(self, why: str) -> InputError:
        return InputError(f"{self.path} is damaged: {why}")


@contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """Open an archive to read; whatever shows that it is damaged, then or later, is one sentence.

    Raises:
        InputError: if there is no such file, or it is no tar file or a damaged one.
    """
    try:
        tar = tarfile.open(path, "r:")  # noqa: SIM115  what is done with it has errors of its own
    except FileNotFoundError:
        raise InputError(f"there is no file {path}") from None
    except tarfile.TarError as error:
        raise InputError(f"{path} is no tar file, or is damaged ({error})") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    try:
        with tar:
            yield Archive(path, tar)
    except (tarfile.TarError, EOFError) as error:
        raise InputError(f"{path} is no tar file, or is damaged ({error})") from None


def _dumped(document: Mapping[str, Any]) -> bytes:
    return json_util.dumps(document, json_options=JSON_OPTIONS).encode()


def _sha256(file: Any) -> str:
    digest = hashlib.sha256()
    while block := file.read(_BLOCK):
        digest.update(block)
    return digest.hexdigest()
