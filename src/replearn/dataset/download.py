"""Downloads with pooch: checked by digest, resumed where the server allows, with progress."""

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

import pooch
import requests
from tqdm import tqdm

from replearn.dataset.cache import check_room, is_writable, lock
from replearn.errors import InputError

_TIMEOUT = (5, 60)  # seconds to connect, and between two packets
_ATTEMPTS = 3


def download(
    name: str, urls: Sequence[str], digest: str, folders: Sequence[Path], size: int = 0
) -> Path:
    """Return file `name`, downloaded into the first folder that can be written.

    A file is moved to its name only after its digest was checked.

    Args:
        name: what the file is called here.
        urls: where it is, best first.
        digest: its sha256, or "md5:" and its md5, or "" if none is published.
        folders: where it may go, best first.
        size: its bytes, if the server does not say; 0 if they are not known.

    Raises:
        InputError: if there is no address, no folder can be written or has room for it, or no
            address delivers a file with this digest.
    """
    if not urls:
        raise InputError(
            f"{name} has no public address; bring it into {' or '.join(map(str, folders))} yourself"
        )
    folder = _writable(folders)
    pooch.get_logger().setLevel("WARNING")
    failures = []
    for url in urls:
        try:
            with lock(folder / name):
                fetch = cast(Any, partial(_fetch, size))
                path = pooch.retrieve(url, digest or None, name, folder, downloader=fetch)
        except InputError:
            raise
        except (requests.RequestException, OSError) as error:
            failures.append(f"{url} ({_reason(error)})")
        except ValueError:  # pooch, when the digest differs
            failures.append(f"{url} (it delivers a file with another digest)")
        else:
            return Path(path)
    raise InputError(
        f"cannot download {name} from {' or '.join(failures)}; bring the file into {folder} "
        "yourself, or try again later"
    )


def _fetch(size: int, url: str, output: Any, _pooch: Any) -> None:
    """Download `url` into `output`, going on where an earlier attempt was cut.

    What has arrived stands in <output's folder>/<file>.part, so the next attempt finds it.
    """
    part = Path(output).with_name(Path(url).name + ".part")
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            _append(url, part, size)
            break
        except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
            if attempt == _ATTEMPTS or not part.exists():
                raise
    os.replace(part, output)


def _append(url: str, part: Path, size: int) -> None:
    """Download the rest of `url` behind what `part` holds."""
    start = part.stat().st_size if part.exists() else 0
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
    with requests.get(url, stream=True, timeout=_TIMEOUT, headers=headers) as reply:
        if start and not reply.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
            start = 0  # the server does not resume, or has another file by now
            if reply.status_code == requests.codes.requested_range_not_satisfiable:
                part.unlink()
                return _append(url, part, size)
        reply.raise_for_status()
        total = start + int(reply.headers.get("Content-Length", 0)) or size or None
        check_room(part.stem, (total or 0) - start, part.parent)
        with (
            open(part, "ab" if start else "wb") as file,
            tqdm(total=total, initial=start, unit="B", unit_scale=True, desc=part.stem) as bar,
        ):
            for chunk in reply.iter_content(1 << 16):
                file.write(chunk)
                bar.update(len(chunk))


def _writable(folders: Sequence[Path]) -> Path:
    for folder in folders:
        # Root could make a folder in a read-only one: what is there decides.
        there = next(each for each in (folder, *folder.parents) if each.exists())
        if not there.is_dir() or not is_writable(there):
            continue
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        return folder
    raise InputError(
        f"cannot write into {' or '.join(map(str, folders))}; give another folder with "
        "REPLEARN_DATA or REPLEARN_HOME"
    )


def _reason(error: Exception) -> str:
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"it answers {error.response.status_code}"
    if isinstance(error, requests.Timeout):
        return "it does not answer in time"
    if isinstance(error, requests.RequestException):
        return "it cannot be reached"
    return getattr(error, "strerror", None) or str(error)
