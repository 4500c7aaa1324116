"""Runs in one zip file: written, opened and checked.

The file holds `manifest.json` (length and sha256 of every other entry), `runs/<id>.json` (the run
document, its metrics and the descriptions of its files, as MongoDB's canonical extended JSON) and
`files/<sha256>` (the bytes).
"""

import hashlib
import json
import os
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bson import json_util
from bson.errors import BSONError
from pymongo.database import Database
from tqdm import tqdm

from replearn.errors import InputError
from replearn.runs.completion import read_verified

FORMAT = "replearn-runs-1"
ENTRY = re.compile(r"runs/\d+\.json|files/[0-9a-f]{64}")
JSON_OPTIONS = json_util.CANONICAL_JSON_OPTIONS


def export_runs(run_ids: Sequence[int], path: Path, database: Database) -> None:
    """Write runs with their metrics, artifacts and sources to the zip file `path`.

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
        with zipfile.ZipFile(partial, "x", zipfile.ZIP_DEFLATED) as archive:
            entries: dict[str, dict[str, Any]] = {}
            for run_id in tqdm(run_ids, "export", unit="run", disable=None):
                _export_run(run_id, archive, entries, database)
            manifest = {"format": FORMAT, "runs": run_ids, "entries": entries}
            archive.writestr("manifest.json", json.dumps(manifest, indent=1))
        partial.rename(path)
    except OSError as error:
        raise InputError(f"{path} could not be written ({error.strerror or error})") from error
    finally:
        partial.unlink(missing_ok=True)


def _export_run(
    run_id: int, archive: zipfile.ZipFile, entries: dict[str, Any], database: Database
) -> None:
    document = database.runs.find_one({"_id": run_id})
    if document is None:
        raise InputError(f"the database {database.name!r} has no run {run_id}")
    if document.get("status") in ("RUNNING", "QUEUED", "IMPORTING"):
        raise InputError(f"run {run_id} is {document['status']}; only ended runs can be exported")
    recorded = (document.get("completion") or {}).get("artifacts") or {}
    wanted = [
        (f"artifact {a['name']!r} of run {run_id}", a["file_id"])
        for a in document.get("artifacts") or []
    ] + [
        (f"source {name!r} of run {run_id}", file_id)
        for name, file_id in (document.get("experiment") or {}).get("sources") or []
    ]
    expected = {a["file_id"]: recorded.get(a["name"]) for a in document.get("artifacts") or []}
    files = []
    for owner, file_id in wanted:
        data = read_verified(database, file_id, owner, expected.get(file_id))
        sha256 = _add(archive, entries, None, data)
        files.append({"file": database.fs.files.find_one({"_id": file_id}), "sha256": sha256})
    record = {
        "run": document,
        "metrics": list(database.metrics.find({"run_id": run_id}).sort("name", 1)),
        "files": files,
    }
    text = json_util.dumps(record, json_options=JSON_OPTIONS)
    _add(archive, entries, f"runs/{run_id}.json", text.encode())


def _add(archive: zipfile.ZipFile, entries: dict[str, Any], name: str | None, data: bytes) -> str:
    sha256 = hashlib.sha256(data).hexdigest()
    name = name or f"files/{sha256}"
    if name not in entries:
        archive.writestr(name, data)
        entries[name] = {"length": len(data), "sha256": sha256}
    return sha256


@contextmanager
def open_archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open an archive to read; whatever shows that it is damaged, then or later, is one sentence.

    Raises:
        InputError: if there is no such file, or it is no zip file or a damaged one.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except FileNotFoundError:
        raise InputError(f"there is no file {path}") from None
    except (zipfile.BadZipFile, zlib.error, IsADirectoryError, EOFError) as error:
        raise InputError(f"{path} is no zip file, or is damaged ({error})") from None


def checked_manifest(archive: zipfile.ZipFile, path: Path) -> dict[str, Any]:
    """Return the manifest after comparing every entry with it, byte by byte.

    Raises:
        InputError: if something is missing, changed, or has no place there.
    """
    names = [info.filename for info in archive.infolist()]
    try:
        manifest = json.loads(archive.read("manifest.json"))
        entries, run_ids = manifest["entries"], manifest["runs"]
        good = manifest["format"] == FORMAT and all(type(i) is int and i >= 0 for i in run_ids)
        expected = {name: (entry["length"], entry["sha256"]) for name, entry in entries.items()}
    except (KeyError, TypeError, ValueError, AttributeError):
        good, expected, manifest = False, {}, {}
    if not good:
        raise InputError(f"{path} is no archive of runs: it has no manifest of {FORMAT}")
    # Nothing is ever unpacked to disk, but a name that tries to escape is no archive of ours.
    for name in names:
        if name != "manifest.json" and not ENTRY.fullmatch(name):
            raise InputError(f"{path} is refused: {name!r} has no place in an archive of runs")
    if len(names) != len(set(names)) or set(names) != {"manifest.json", *expected}:
        raise InputError(f"{path} is damaged: its entries are not those of its manifest")
    for name, (length, sha256) in tqdm(expected.items(), "check", unit="file", disable=None):
        if archive.getinfo(name).file_size != length or _sha256(archive, name) != sha256:
            raise InputError(f"{path} is damaged: {name} is not what the manifest says")
    return manifest


def _sha256(archive: zipfile.ZipFile, name: str) -> str:
    digest = hashlib.sha256()
    with archive.open(name) as data:
        while block := data.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def read_record(archive: zipfile.ZipFile, run_id: int, path: Path) -> dict[str, Any]:
    """Return `run`, `metrics` and `files` of one run, whose files must all be in the archive.

    Raises:
        InputError: if the record is incomplete.
    """
    try:
        text = archive.read(f"runs/{run_id}.json")
        record = json_util.loads(text, json_options=JSON_OPTIONS)
        document = record["run"]
        files = {file["file"]["_id"]: f"files/{file['sha256']}" for file in record["files"]}
        named = [artifact["file_id"] for artifact in document.get("artifacts") or []]
        named += [i for _, i in (document.get("experiment") or {}).get("sources") or []]
        whole = document["_id"] == run_id and all(
            metric["run_id"] == run_id and metric["name"] for metric in record["metrics"]
        )
        for file_id in named:
            archive.getinfo(files[file_id])
    except (KeyError, TypeError, ValueError, AttributeError, BSONError):
        whole, record = False, {}
    if not whole:
        raise InputError(f"{path} is damaged: run {run_id} is incomplete in it")
    return record
