"""Which sources and which commit a run came from, asked once and not per file."""

import hashlib
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from weakref import WeakKeyDictionary

from bson import ObjectId
from gridfs import GridFS
from pymongo import WriteConcern
from pymongo.database import Database
from sacred.dependencies import Source

from replearn.paths import root

FOLDERS = ("src", "scripts")
_GIT_SECONDS = 10
_FOUND: WeakKeyDictionary[Any, frozenset[Path]] = WeakKeyDictionary()  # by Sacred, per ingredient


@dataclass(frozen=True)
class GitState:
    """The checked-out commit, whether tracked files differ from it, and where it came from."""

    url: str
    commit: str
    dirty: bool


def git_state(folder: Path) -> GitState | None:
    """Return the git state of `folder`, None if there is no git or no commit."""
    status = _git(folder, "status", "--porcelain=v2", "--branch", "--untracked-files=no")
    if status is None:
        return None
    commit = ""
    dirty = False
    for line in status.splitlines():
        if line.startswith("# branch.oid "):
            commit = line.split()[2]
        dirty = dirty or not line.startswith("#")
    if not commit or commit == "(initial)":
        return None
    remote = _git(folder, "config", "--get", "remote.origin.url")
    url = _without_user(remote.strip()) if remote else f"git:/{folder}"
    return GitState(url, commit, dirty)


def source_files(folder: Path | None = None) -> list[Path]:
    """Return every Python file below src/ and scripts/ of `folder` (default: the checkout)."""
    folder = folder or root()
    return sorted(
        path
        for part in FOLDERS
        for path in (folder / part).rglob("*.py")
        if not any(name.startswith(".") for name in path.relative_to(folder).parts)
    )


def collect_sources(experiment: Any, folder: Path | None = None) -> None:
    """Give `experiment` the sources of src/ and scripts/, and the git state.

    Experiment and ingredients are best made with `save_git_info=False`: Sacred by itself sees 2 of
    our files, and asks git about each one again. The files that it found are kept, those of an
    earlier call are not: what a run's sources are never depends on what its process did before.
    """
    folder = (folder or root()).resolve()
    files = {path.resolve() for path in source_files(folder)}
    for ingredient, _ in experiment.traverse_ingredients():
        found = _FOUND.setdefault(
            ingredient, frozenset(Path(source.filename) for source in ingredient.sources)
        )
        files.update(found)
        ingredient.sources.clear()
    experiment.base_dir = str(folder)
    experiment.sources.update(_sources(sorted(files), git_state(folder)))


def _sources(files: Iterable[Path], state: GitState | None) -> Iterator[Source]:
    for path in files:
        digest = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
        if state is None:
            yield Source(str(path), digest, None, None, None)
        else:
            # One file speaks for all: Sacred lists a repository once per file that names it.
            yield Source(str(path), digest, state.url, state.commit, state.dirty)
            state = None


def store_sources(database: Database, base: Path, names: Iterable[str]) -> list[list]:
    """Store the files `names` below `base` that the database lacks; return [name, id] of all."""
    contents = {name: (base / name).read_bytes() for name in names}
    digests = {
        name: hashlib.md5(content, usedforsecurity=False).hexdigest()
        for name, content in contents.items()
    }
    paths = {name: str(base / name) for name in contents}
    known: dict[tuple[str, str], ObjectId] = {}
    for file in database.fs.files.find(
        {"filename": {"$in": list(paths.values())}, "md5": {"$in": list(digests.values())}},
        {"filename": 1, "md5": 1},
    ):
        known[file["filename"], file["md5"]] = file["_id"]
    # Not each file waits for the journal; the run's document, written after them, does.
    fs = GridFS(database.with_options(write_concern=WriteConcern(w=1)))
    stored = []
    for name, content in contents.items():
        file_id = known.get((paths[name], digests[name]))
        if file_id is None:
            sha256 = hashlib.sha256(content).hexdigest()
            # GridFS itself writes no md5 any more, and without it nothing is ever found again.
            file_id = fs.put(
                content,
                filename=paths[name],
                md5=digests[name],
                metadata={"sha256": sha256, "length": len(content)},
            )
        stored.append([name, file_id])
    return stored


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_GIT_SECONDS,
            text=True,
            errors="replace",
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def _without_user(url: str) -> str:
    """Return `url` without user and token: a remote may carry one."""
    parts = urlsplit(url)
    if not parts.scheme or "@" not in parts.netloc:
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
