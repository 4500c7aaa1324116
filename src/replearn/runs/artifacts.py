"""The files of one run: stored in GridFS with their digest, kept aside while the server is away."""

import hashlib
import mimetypes
import shutil
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bson import ObjectId
from gridfs import GridFS
from pymongo.errors import PyMongoError

from replearn.runs.plain import plain

_BLOCK = 1 << 20
_TYPES = {".safetensors": "application/octet-stream", ".npz": "application/octet-stream"}


@dataclass(frozen=True)
class Waiting:
    """A file that GridFS does not have yet: a copy of our own, since callers delete theirs."""

    name: str
    file: str
    length: int
    sha256: str
    content_type: str | None
    metadata: dict[str, Any]


class ArtifactStore:
    """The artifacts of one run, by name. Adding a name again replaces the file.

    `folder` gives the folder for copies, made when the first one is needed; `check` raises if the
    server is not the one to store in. With `keep_copies` a copy stays when the file is stored: the
    spool must stay whole until all of the run is.
    """

    def __init__(self, fs: GridFS, folder: Callable[[], Path], prefix: str = ""):
        self.fs = fs
        self.folder = folder
        self.prefix = prefix
        self.check: Callable[[], None] = lambda: None
        self.keep_copies = False
        self.stored: dict[str, ObjectId] = {}
        self.record: dict[str, dict[str, Any]] = {}
        self.waiting: dict[str, Waiting] = {}
        self.replaced: list[ObjectId] = []
        self._copies = 0
        self._lock = threading.RLock()

    @property
    def references(self) -> list[dict[str, Any]]:
        """What the run's `artifacts` holds: name and GridFS id of each stored file."""
        return [{"name": name, "file_id": file_id} for name, file_id in self.stored.items()]

    @property
    def completion(self) -> dict[str, dict[str, Any]]:
        """What the completion record holds: length and sha256 of each file."""
        return {name: dict(kept) for name, kept in self.record.items()}

    def add(
        self,
        name: str,
        path: Path,
        metadata: Mapping[str, Any] | None = None,
        content_type: str | None = None,
        try_server: bool = True,
    ) -> PyMongoError | None:
        """Store a file, or keep a copy if the server fails; return that failure.

        Raises:
            OSError: if the file cannot be read, or the copy cannot be written.
        """
        with self._lock:
            length, sha256 = digest(path)
            content_type = content_type or guess_type(name)
            given = plain(dict(metadata or {}))
            entry = Waiting(name, str(path), length, sha256, content_type, given)
            failure: PyMongoError | None = None
            if try_server:
                try:
                    self._put(entry, path)
                    return None
                except PyMongoError as error:
                    failure = error
            self._keep(entry, path)
            return failure

    def flush(self) -> None:
        """Store the files that wait.

        Raises:
            PyMongoError: if the server does not take one; the copies stay.
        """
        with self._lock:
            for entry in list(self.waiting.values()):
                path = self.folder() / entry.file
                self._put(entry, path, self._find(entry))
                if not self.keep_copies:
                    path.unlink(missing_ok=True)

    def delete(self, replaced: list[ObjectId]) -> None:
        """Delete files of `self.replaced`, once the run's document names the newer ones."""
        for file_id in replaced:
            self.fs.delete(file_id)
            self.replaced.remove(file_id)

    def lost(self) -> list[str]:
        """Return the names of stored files that GridFS does not have (whole) any more."""
        found = {
            f._id: f.length for f in self.fs.find({"_id": {"$in": list(self.stored.values())}})
        }
        return [
            name
            for name, file_id in self.stored.items()
            if name not in self.waiting and found.get(file_id) != self.record[name]["length"]
        ]

    def to_document(self) -> dict[str, Any]:
        """Return what is stored and what waits, for the spool."""
        return {
            "stored": dict(self.stored),
            "record": self.completion,
            "waiting": [asdict(entry) for entry in self.waiting.values()],
            "prefix": self.prefix,
        }

    @classmethod
    def from_document(
        cls, document: Mapping[str, Any], fs: GridFS, folder: Path
    ) -> "ArtifactStore":
        """Return the store that `to_document` described; its copies lie in `folder`."""
        store = cls(fs, lambda: folder, document["prefix"])
        store.keep_copies = True
        store.stored.update(document["stored"])
        store.record.update(document["record"])
        for entry in document["waiting"]:
            store.waiting[entry["name"]] = Waiting(**entry)
        return store

    def _find(self, entry: Waiting) -> ObjectId | None:
        """Return the id of a file that an earlier try stored without our hearing of it."""
        query = {
            "filename": self.prefix + entry.name,
            "metadata.sha256": entry.sha256,
            "length": entry.length,
            "_id": {"$nin": self.replaced},
        }
        found = self.fs.find_one(query)
        return found._id if found else None

    def _put(self, entry: Waiting, path: Path, known: ObjectId | None = None) -> None:
        self.check()  # also: GridFS would wait twice for a server that is away
        file_id = known or self._upload(entry, path)
        older = self.stored.get(entry.name)
        # New dicts, so that the heartbeat reads a whole one without waiting for a long upload.
        self.stored = {**self.stored, entry.name: file_id}
        self._note(entry)
        if older not in (None, file_id):
            self.replaced.append(older)
        self.waiting.pop(entry.name, None)

    def _upload(self, entry: Waiting, path: Path) -> ObjectId:
        with open(path, "rb") as file:
            return self.fs.put(
                file,
                filename=self.prefix + entry.name,
                content_type=entry.content_type,
                metadata={**entry.metadata, "sha256": entry.sha256, "length": entry.length},
            )

    def _keep(self, entry: Waiting, path: Path) -> None:
        self._copies += 1
        file = f"{self._copies:06d}{Path(entry.name).suffix[:20]}"
        copy = self.folder() / file
        part = copy.with_name(copy.name + ".part")
        try:
            shutil.copyfile(path, part)
            part.replace(copy)
        except OSError:
            part.unlink(missing_ok=True)
            raise
        older = self.waiting.get(entry.name)
        self.waiting[entry.name] = Waiting(**{**asdict(entry), "file": file})
        self._note(entry)
        if older is not None:
            (self.folder() / older.file).unlink(missing_ok=True)

    def _note(self, entry: Waiting) -> None:
        self.record = {
            **self.record,
            entry.name: {"length": entry.length, "sha256": entry.sha256},
        }


def digest(path: Path) -> tuple[int, str]:
    """Return the length and the sha256 of a file."""
    sha256, length = hashlib.sha256(), 0
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):
            sha256.update(block)
            length += len(block)
    return length, sha256.hexdigest()


def guess_type(name: str) -> str | None:
    """Return the content type that the name's ending stands for, None if it is not known."""
    return _TYPES.get(Path(name).suffix.lower()) or mimetypes.guess_type(name)[0]
