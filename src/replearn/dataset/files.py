"""Published data files: where they lie, whether they are genuine, and what to say if not."""

import gzip
import hashlib
import json
import os
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from tqdm import tqdm

from replearn.dataset.cache import check_making, is_writable
from replearn.errors import InputError
from replearn.paths import data_folder, root

_CHUNK = 1 << 20
_LARGE = 500_000_000  # bytes: reading more takes so long that a bar shows it


@dataclass(frozen=True)
class DataFile:
    """A file that somebody published.

    Attributes:
        name: its published name.
        urls: where it can be downloaded, best first.
        sha256: digest of the file as published, or "" if none is known.
        content_sha256: digest of what the .gz file holds. A file that is found may then be
            compressed anew or not at all; only a download must match `sha256`.
        git_sha1: git's blob digest, for a file whose repository is its only witness.
        folders: folders below a data folder, or anywhere, where the file also lies; downloads
            go to the first.
        md5: digest of the file as published, where no sha256 is known.
        size: bytes of the file as published, or 0 if not known.
        check: raises an InputError for a download that is no such file, where no digest tells.

    A file that was published without any digest is accepted by its name.
    """

    name: str
    urls: tuple[str, ...] = ()
    sha256: str = ""
    content_sha256: str = ""
    git_sha1: str = ""
    folders: tuple[str, ...] = ()
    md5: str = ""
    size: int = 0
    check: Callable[[Path], Any] | None = None

    @property
    def checksum(self) -> str:
        """The kind of the published digest, for people: "sha256", ..., or "none published"."""
        kinds = {"sha256": self.sha256, "md5": self.md5, "git blob": self.git_sha1}
        return next((kind for kind, digest in kinds.items() if digest), "none published")

    @property
    def verification(self) -> str:
        """What it means that `find` found the file, in one phrase."""
        for kind, digest in self.digests.items():
            names = {"content_sha256": "the sha256 of its content", "git_sha1": "its git blob"}
            name = names.get(kind, f"its {kind}")
            return f"{name} is that of the published file ({digest[:12]}…)"
        return "no checksum is published: it is taken by its name"

    @property
    def digests(self) -> dict[str, str]:
        """The published digests by kind, the one that decides first; empty if there is none."""
        kinds = ("content_sha256", "sha256", "md5", "git_sha1")
        return {kind: digest for kind in kinds if (digest := getattr(self, kind))}

    def places(self) -> list[Path]:
        """Return the folders where this file is looked for, in order."""
        bases = dict.fromkeys([data_folder(), root() / "data"])
        return list(dict.fromkeys(base / f for base in bases for f in (*self.folders, "")))

    def candidates(self) -> list[Path]:
        """Return the files that bear this file's name, genuine or not."""
        names = [self.name]
        if self.content_sha256:
            names.append(self.name.removesuffix(".gz"))
        paths = (folder / name for folder in self.places() for name in names)
        return [path for path in paths if path.is_file()]

    def find(self) -> Path | None:
        """Return the first genuine file, or None if there is no file of this name.

        Raises:
            InputError: if there are files of this name and none is genuine.
        """
        faults = []
        for path in self.candidates():
            fault = self.fault(path)
            if not fault:
                return path
            faults.append(f"{path} {fault}")
        if faults:
            raise InputError(f"{' and '.join(faults)}; delete it, or get the published file again")
        return None

    def fault(self, path: Path) -> str:
        """Return what is wrong with `path`, or "" if it is this file."""
        for kind, expected in self.digests.items():
            try:
                digest = file_digest(path, kind)
            except (EOFError, zlib.error, gzip.BadGzipFile):
                return "is damaged (it does not unpack)"
            except OSError as error:
                return f"cannot be read ({error.strerror or error})"
            if digest == expected:
                return ""
            return f"is damaged or not the published file (its {kind} is {digest[:12]}…)"
        return ""

    def download(self) -> Path:
        """Return this file, downloaded into the first of its folders that can be written.

        Raises:
            InputError: if no address delivers the published file.
        """
        check_making(self.name)
        from replearn.dataset.download import download

        below = self.folders[0] if self.folders else ""
        folders = [base / below for base in (data_folder(), root() / "data")]
        known = self.sha256 or (f"md5:{self.md5}" if self.md5 else "")
        path = download(self.name, self.urls, known, folders, self.size)
        if not known and (fault := self.fault(path)):
            path.unlink()
            raise InputError(f"{path} was downloaded and deleted: it {fault}; try again later")
        if self.check is not None:
            try:
                self.check(path)
            except InputError as error:
                path.unlink()
                raise InputError(f"{error} (as it was downloaded now; it is deleted)") from error
        return path


def missing(name: str, files: tuple[DataFile, ...], instead: str) -> InputError:
    """Return the sentence for a data set none of whose `files`, any of which would do, is here."""
    places = dict.fromkeys(str(place) for file in files for place in file.places())
    names = " or ".join(file.name for file in files)
    known = [file.urls[0] for file in files[:1] if file.urls]
    get = f"get it with `python -m dataset get {name}` (from {known[0]})" if known else "bring it"
    return InputError(
        f"{name} needs {names}, which is in none of {', '.join(places)}; {get}, or {instead}"
    )


def first_found(files: tuple[DataFile, ...]) -> Path | None:
    """Return the first genuine one of some files, any of which would do, or None if none is here.

    Raises:
        InputError: if there are such files and none is genuine.
    """
    faults = []
    for file in files:
        try:
            if (path := file.find()) is not None:
                return path
        except InputError as error:
            faults.append(error)
    if faults:
        raise faults[0]
    return None


def all_found(name: str, files: tuple[DataFile, ...], download: bool, instead: str) -> list[Path]:
    """Return the paths of all `files` of a data set, downloaded first if that is wanted.

    Raises:
        InputError: if a file is missing or damaged; `instead` says what else can be done.
    """
    paths = []
    for file in files:
        path = file.find() or (file.download() if download else None)
        if path is None:
            raise missing(name, (file,), instead)
        paths.append(path)
    return paths


def open_content(path: Path) -> BinaryIO:
    """Open a file for reading, unpacked if it is a .gz file."""
    return gzip.open(path) if path.suffix == ".gz" else open(path, "rb")  # type: ignore[return-value]


def file_digest(path: Path, kind: str = "sha256") -> str:
    """Return a digest of a file, computed once and kept beside it until the file changes.

    Any digest of the file as it is comes with its sha256, in the same pass.

    Args:
        path: the file.
        kind: "sha256", "content_sha256" (of what a .gz file holds), "md5" or "git_sha1".
    """
    state, note = _state(path), _note(path)
    known: dict = {}
    with suppress(OSError, ValueError):
        content = json.loads(note.read_text())
        if isinstance(content, dict) and content.items() >= state.items():
            known = content
    if kind not in known:
        known |= _digests(path, kind)
        keep_digests(path, known, state)
    return known[kind]


def keep_digests(path: Path, digests: dict[str, str], state: dict[str, int] | None = None) -> None:
    """Write the digests of a file beside it, as `file_digest` finds them.

    Args:
        path: the file.
        digests: by kind.
        state: of the file when the digests were computed; now if None.
    """
    note = _note(path)
    partial = note.with_name(f"{note.name}.{os.getpid()}")
    with suppress(OSError):  # a digest that cannot be kept is computed again
        note.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps(digests | (_state(path) if state is None else state)))
        os.replace(partial, note)


def _state(path: Path) -> dict[str, int]:
    """Return what differs once a file was written or replaced, whatever its time was set to."""
    stat = path.stat()
    return {
        "size": stat.st_size,
        "mtime_ns": stat.st_mtime_ns,
        "ctime_ns": stat.st_ctime_ns,
        "inode": stat.st_ino,
    }


def _note(path: Path) -> Path:
    """Return the file that keeps the digests of `path`: beside it, if it lies in a data folder.

    Those of files elsewhere and in read-only folders stand in the checkout's data/.
    """
    ours = any(path.is_relative_to(base) for base in (data_folder(), root() / "data"))
    if ours and is_writable(path.parent):
        return path.with_name(f"{path.name}.digest.json")
    return root() / "data" / "digests" / f"{hashlib.sha256(str(path).encode()).hexdigest()}.json"


def _digests(path: Path, kind: str) -> dict[str, str]:
    size = path.stat().st_size
    hashers = {kind if kind == "content_sha256" else "sha256": hashlib.sha256()}
    if kind == "md5":
        hashers["md5"] = hashlib.md5(usedforsecurity=False)
    elif kind == "git_sha1":
        hashers["git_sha1"] = hashlib.sha1(f"blob {size}\0".encode())
    with (
        open_content(path) if kind == "content_sha256" else open(path, "rb") as file,
        tqdm(
            total=size if kind != "content_sha256" else None,
            desc=f"checking {path.name}",
            unit="B",
            unit_scale=True,
            disable=size < _LARGE,
        ) as bar,
    ):
        while chunk := file.read(_CHUNK):
            for hasher in hashers.values():
                hasher.update(chunk)
            bar.update(len(chunk))
    return {each: hasher.hexdigest() for each, hasher in hashers.items()}
