"""Which sources and which commit a run came from, asked once and not per file."""

import hashlib
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from sacred.dependencies import Source

from replearn.paths import root

FOLDERS = ("src", "scripts")
_GIT_SECONDS = 10


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
    our files, and asks git about each one again. The files that it found are kept.
    """
    folder = (folder or root()).resolve()
    files = {path.resolve() for path in source_files(folder)}
    for ingredient, _ in experiment.traverse_ingredients():
        files.update(Path(source.filename) for source in ingredient.sources)
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
