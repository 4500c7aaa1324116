"""Unpack a downloaded archive whose members are not to be trusted."""

import os
import shutil
import tarfile
import tempfile
import zipfile
from pathlib import Path

from replearn.errors import InputError


def unpack(archive: Path, folder: Path) -> Path:
    """Return `folder`, filled with the members of a zip or tar archive unless it exists already.

    The folder gets its name when it is complete. An archive with a member that would lie outside
    (an absolute name, "..", a link that leads out) is refused whole.

    Raises:
        InputError: if the archive is damaged, of another kind, or has such a member.
    """
    if folder.exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=folder.parent))
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as members:
                for name in members.namelist():
                    if not (partial / name).resolve().is_relative_to(partial.resolve()):
                        raise InputError(f"{archive} is refused: its member {name!r} lies outside")
                members.extractall(partial)
        else:
            with tarfile.open(archive) as members:
                members.extractall(partial, filter="data")
        os.replace(partial, folder)
    except tarfile.FilterError as error:
        raise InputError(
            f"{archive} is refused: its member {error.tarinfo.name!r} lies outside"
        ) from error
    except (tarfile.TarError, zipfile.BadZipFile, EOFError) as error:
        raise InputError(
            f"{archive} is damaged or no archive; delete it and get it again"
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder
