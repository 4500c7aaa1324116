"""Published files: found in their places, told from damaged and foreign ones, or missing."""

import gzip
import hashlib
import json
import os
import subprocess

import pytest

from replearn.dataset.files import DataFile, file_digest, missing
from replearn.errors import InputError

CONTENT = b"published" * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
PACKED = DataFile(
    "thing.gz",
    ("https://example.org/thing.gz",),
    sha256="0" * 64,
    content_sha256=SHA256,
    folders=("things", "Things/raw"),
)


@pytest.mark.parametrize("folder", ["", "things", "Things/raw"])
@pytest.mark.parametrize("packed", [True, False])
def test_file_is_known_by_its_content_in_each_place(home, folder, packed):
    path = home / "data" / folder / ("thing.gz" if packed else "thing")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(CONTENT) if packed else CONTENT)
    assert PACKED.find() == path


def test_data_folder_comes_before_the_checkout(home, tmp_path, monkeypatch):
    other = tmp_path / "other"
    other.mkdir()
    monkeypatch.setenv("REPLEARN_DATA", str(other))
    (home / "data" / "thing").write_bytes(CONTENT)
    assert PACKED.find() == home / "data" / "thing"
    (other / "thing").write_bytes(CONTENT)
    assert PACKED.find() == other / "thing"


def test_absolute_folder_is_searched(home, tmp_path):
    (tmp_path / "file").write_bytes(CONTENT)
    assert DataFile("file", sha256=SHA256, folders=(str(tmp_path),)).find() == tmp_path / "file"


def test_genuine_file_is_found_behind_a_foreign_one(home):
    (home / "data" / "things").mkdir()
    (home / "data" / "things" / "thing").write_bytes(b"another data set's file of this name")
    (home / "data" / "thing").write_bytes(CONTENT)
    assert PACKED.find() == home / "data" / "thing"


def test_absent_file_is_none(home):
    assert PACKED.find() is None
    assert PACKED.candidates() == []


def test_foreign_file_is_one_sentence(home):
    (home / "data" / "thing.gz").write_bytes(gzip.compress(b"something else"))
    with pytest.raises(
        InputError,
        match=r"thing.gz is damaged or not the published file \(its content_sha256 is "
        r"[0-9a-f]{12}…\); delete it, or get the published file again",
    ):
        PACKED.find()


@pytest.mark.parametrize("damage", ["truncated", "garbled", "empty"])
def test_damaged_archive_is_one_sentence(home, damage):
    content = bytearray(gzip.compress(CONTENT, mtime=0))
    if damage == "garbled":
        content[12:20] = b"\xff" * 8
    content = {"truncated": content[:-20], "garbled": content, "empty": b""}[damage]
    (home / "data" / "thing.gz").write_bytes(content)
    with pytest.raises(InputError, match=r"thing.gz is damaged") as error:
        PACKED.find()
    assert "\n" not in str(error.value)


def test_digests_equal_those_of_hashlib_and_git(home):
    path = home / "data" / "thing.gz"
    path.write_bytes(gzip.compress(CONTENT, mtime=0))
    assert file_digest(path) == hashlib.sha256(path.read_bytes()).hexdigest()
    assert file_digest(path, "content_sha256") == SHA256
    git = subprocess.run(["git", "hash-object", path], capture_output=True, text=True, check=True)
    assert file_digest(path, "git_sha1") == git.stdout.strip()
    assert DataFile("thing.gz", git_sha1=git.stdout.strip()).find() == path


def test_md5_is_checked_where_no_sha256_is_published(home):
    file = DataFile("file", md5="9e107d9d372bb6826bd81d3542a419d6")
    (home / "data" / "file").write_bytes(b"The quick brown fox jumps over the lazy dog")
    assert file.find() == home / "data" / "file"
    (home / "data" / "file").write_bytes(b"The quick brown fox jumps over the lazy dog.")
    with pytest.raises(
        InputError, match=r"not the published file \(its md5 is e4d909c290d0…\); delete it"
    ):
        file.find()


def test_swapped_files_are_each_named(home):
    train, test = (
        DataFile(name, md5=hashlib.md5(name.encode()).hexdigest()) for name in ("train", "test")
    )
    (home / "data" / "train").write_text("test")
    (home / "data" / "test").write_text("train")
    for file in (train, test):
        with pytest.raises(InputError, match=rf"/{file.name} is damaged or not the published file"):
            file.find()


def test_renamed_file_is_not_taken_for_another(home):
    file = DataFile("thing", ("https://example.org/thing",), sha256=SHA256)
    (home / "data" / "thing(1)").write_bytes(CONTENT)
    assert file.find() is None
    (home / "data" / "thing(1)").rename(home / "data" / "thing")
    assert file.find() == home / "data" / "thing"


@pytest.mark.parametrize("keep", [0, 1, -1])
@pytest.mark.parametrize("kind", ["sha256", "md5", "git_sha1"])
def test_truncated_file_is_one_sentence(home, keep, kind):
    (home / "data" / "whole").write_bytes(CONTENT)
    file = DataFile("thing", **{kind: file_digest(home / "data" / "whole", kind)})
    (home / "data" / "thing").write_bytes(CONTENT[:keep])
    with pytest.raises(InputError, match=rf"not the published file \(its {kind} is ") as error:
        file.find()
    assert "\n" not in str(error.value)


def test_unreadable_file_is_one_sentence(home):
    (home / "data" / "thing").symlink_to(home / "data" / "gone")
    assert DataFile("thing", sha256=SHA256).find() is None  # it leads nowhere
    fault = DataFile("thing", sha256=SHA256).fault(home / "data" / "thing")
    assert fault == "cannot be read (No such file or directory)"


def test_missing_file_without_an_address_says_to_bring_it(home):
    sentence = str(missing("thing", (DataFile("thing.npz"),), "draw it"))
    assert sentence == (
        f"thing needs thing.npz, which is in none of {home / 'data'}; bring it, or draw it"
    )
    with pytest.raises(InputError, match=r"thing.npz has no public address; bring it into .*/data"):
        DataFile("thing.npz").download()


def test_file_without_a_published_digest_is_known_by_its_name(home):
    file = DataFile("file")
    assert file.digests == {}
    (home / "data" / "file").write_bytes(b"anything")
    assert file.find() == home / "data" / "file"


def test_digest_of_a_large_file_shows_how_far_it_is(home, monkeypatch, capsys):
    (home / "data" / "file").write_bytes(CONTENT)
    assert DataFile("file", sha256=SHA256).find()
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("replearn.dataset.files._LARGE", 1000)
    (home / "data" / "file.digest.json").unlink()
    assert DataFile("file", sha256=SHA256).find()
    assert "checking file: 100%" in capsys.readouterr().err


def test_digest_is_kept_beside_the_file_until_it_changes(home):
    path = home / "data" / "file"
    path.write_bytes(CONTENT)
    assert file_digest(path) == SHA256
    note = home / "data" / "file.digest.json"
    kept = json.loads(note.read_text())
    assert kept["sha256"] == SHA256
    note.write_text(json.dumps(kept | {"sha256": "kept"}))
    assert file_digest(path) == "kept"  # nothing was hashed
    path.write_bytes(CONTENT[::-1])  # same size
    os.utime(path, ns=(0, kept["mtime_ns"] + 1))
    assert file_digest(path) == hashlib.sha256(CONTENT[::-1]).hexdigest()
    path.write_bytes(CONTENT)  # and the same time: a copy that keeps times
    os.utime(path, ns=(0, kept["mtime_ns"] + 1))
    assert file_digest(path) == SHA256
    note.write_text("not json")
    path.write_bytes(CONTENT[::-1])
    assert file_digest(path) == hashlib.sha256(CONTENT[::-1]).hexdigest()


@pytest.mark.parametrize("kind", ["md5", "git_sha1"])
def test_sha256_comes_with_any_other_digest(home, monkeypatch, kind):
    path = home / "data" / "file"
    path.write_bytes(CONTENT)
    expected = {
        "md5": hashlib.md5(CONTENT).hexdigest(),
        "git_sha1": hashlib.sha1(b"blob 9000\0" + CONTENT).hexdigest(),
    }
    assert file_digest(path, kind) == expected[kind]
    monkeypatch.setattr("replearn.dataset.files._digests", None)  # nothing is read again
    assert file_digest(path) == SHA256


def test_read_only_folder_has_its_digests_kept_elsewhere(home, tmp_path, monkeypatch):
    published = tmp_path / "published"
    published.mkdir()
    (published / "file").write_bytes(CONTENT)
    published.chmod(0o555)
    monkeypatch.setenv("REPLEARN_DATA", str(published))
    assert file_digest(published / "file") == SHA256
    assert [path.name for path in published.iterdir()] == ["file"]
    (note,) = (home / "data" / "digests").iterdir()
    assert json.loads(note.read_text())["sha256"] == SHA256


def test_missing_file_is_one_sentence(home):
    sentence = str(missing("thing", (PACKED,), "take stuff, which needs no file"))
    data = home / "data"
    assert sentence == (
        f"thing needs thing.gz, which is in none of {data}/things, {data}/Things/raw, {data}; "
        "get it with `python -m dataset get thing` (from https://example.org/thing.gz), or take "
        "stuff, which needs no file"
    )
