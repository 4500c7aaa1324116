"""Write a result file whole or not at all."""

import os
import re
from pathlib import Path

from replearn.errors import InputError

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")


def check_name(name: str) -> str:
    """Return `name` if Omniboard can preview an artifact called so: flat and lower case.

    Raises:
        InputError: if it has other characters than a-z, 0-9, dot, dash and underscore.
    """
    if not _NAME.fullmatch(name):
        raise InputError(
            f"a result is named in lower-case letters, digits, '.', '_' and '-', not {name!r}: "
            "Omniboard previews no other."
        )
    return name


def write_whole(path: Path, content: bytes | str) -> Path:
    """Write `content` to a neighbour of `path` and rename it: no reader ever sees half a file.

    Raises:
        OSError: if the disk is full or the folder read-only; `path` is then as it was.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.write_bytes(content.encode() if isinstance(content, str) else content)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    return path
