"""Archives are unpacked whole or not at all, and never outside their folder."""

import io
import tarfile
import zipfile

import pytest

from replearn.dataset.archives import unpack
from replearn.errors import InputError


def tar(path, *members):
    with tarfile.open(path, "w:gz") as archive:
        for name, link in members:
            member = tarfile.TarInfo(name)
            if link:
                member.type, member.linkname = tarfile.SYMTYPE, link
            member.size = 0 if link else 2
            archive.addfile(member, io.BytesIO(b"hi"))
    return path


def zipped(path, *names):
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, "hi")
    return path


def test_members_are_unpacked(tmp_path):
    for archive in (
        tar(tmp_path / "a.tar.gz", ("folder/file", None)),
        zipped(tmp_path / "a.zip", "folder/file"),
    ):
        folder = unpack(archive, tmp_path / f"from {archive.name}")
        assert (folder / "folder" / "file").read_text() == "hi"


def test_folder_that_is_there_is_kept(tmp_path):
    (tmp_path / "folder").mkdir()
    assert unpack(tmp_path / "absent.zip", tmp_path / "folder") == tmp_path / "folder"


ESCAPES = {
    "zip parent": lambda path: zipped(path, "good", "../evil"),
    "zip absolute": lambda path: zipped(path, "good", f"{path.parent}/evil"),
    "tar parent": lambda path: tar(path, ("good", None), ("../evil", None)),
    "tar link": lambda path: tar(path, ("good", None), ("link", ".."), ("link/evil", None)),
}


@pytest.mark.parametrize("name", ESCAPES)
def test_archive_with_a_member_outside_is_refused_whole(tmp_path, name):
    archive = ESCAPES[name](tmp_path / "archive")
    with pytest.raises(InputError, match=r"archive is refused: its member '.*' lies outside"):
        unpack(archive, tmp_path / "folder")
    assert [path.name for path in tmp_path.iterdir()] == ["archive"]


def test_tar_with_an_absolute_member_stays_inside(tmp_path):
    # The filter of tarfile strips the leading slash.
    archive = tar(tmp_path / "archive", (f"{tmp_path}/evil", None))
    unpack(archive, tmp_path / "folder")
    assert not (tmp_path / "evil").exists()


def test_damaged_archive_is_one_sentence(tmp_path):
    archive = tar(tmp_path / "archive", ("file", None))
    archive.write_bytes(archive.read_bytes()[:60])
    with pytest.raises(InputError, match=r"archive is damaged or no archive; delete it"):
        unpack(archive, tmp_path / "folder")
    archive.write_text("no archive")
    with pytest.raises(InputError, match=r"archive is damaged or no archive; delete it"):
        unpack(archive, tmp_path / "folder")
    assert [path.name for path in tmp_path.iterdir()] == ["archive"]
