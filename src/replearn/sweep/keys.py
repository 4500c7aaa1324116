"""A folder for the TLS keys of one driver, of which nothing stays once the driver is gone."""

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO


@contextmanager
def key_folder(place: Path) -> Iterator[Path]:
    """Give a new folder in `place` that this user alone may read, and remove it at the end.

    The folders of drivers that were killed are removed as well: a driver has its own locked as long
    as it lives. On a file system without locks they stay; their keys open nothing, since they were
    made for a scheduler that is gone.
    """
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    with open(place / "lock", "w") as one_at_a_time:
        _lock(one_at_a_time)
        for left in place.glob("keys-*"):
            _remove_if_left(left)
        folder = Path(tempfile.mkdtemp(prefix="keys-", dir=place))  # mode 0700
        mine = open(folder / "lock", "w")  # noqa: SIM115  it is closed below
        _lock(mine)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        mine.close()


def _remove_if_left(folder: Path) -> None:
    with suppress(OSError), open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder)


def _lock(file: IO[str]) -> None:
    with suppress(OSError):
        fcntl.flock(file, fcntl.LOCK_EX)
