"""Archives that were changed, cut off, or made to harm are refused, and nothing is inserted."""

import hashlib
import json
import tarfile
from io import BytesIO

import pytest

from replearn.errors import InputError
from replearn.runs.archive import export_runs
from replearn.runs.restore import import_runs


def rewritten(path, target, change):
    """Copy a tar file entry by entry; `change` maps (TarInfo, bytes) to a list of such."""
    with tarfile.open(path) as old, tarfile.open(target, "w") as new:
        for member in old:
            for info, data in change(member, old.extractfile(member).read()):
                info.size = len(data) if info.isreg() else 0
                new.addfile(info, BytesIO(data))
    return target


def entry(name, kind=tarfile.REGTYPE, link=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def drop_run(info, data):
    return [] if info.name.startswith("runs/") else [(info, data)]


def flip_byte(prefix):
    def change(info, data):
        flipped = bytes([data[0] ^ 1]) + data[1:]
        return [(info, flipped if info.name.startswith(prefix) else data)]

    return change


def add(*extra):
    def change(info, data):
        return (
            [(info, data), *((each, b"x") for each in extra)]
            if "run.json" in info.name
            else [(info, data)]
        )

    return change


def forget_the_files(info, data):
    """Remove the files, from the record and the manifest as well: the document still names them."""
    if info.name.startswith("files/"):
        return []
    if info.name.endswith("run.json"):
        data = json.dumps(json.loads(data) | {"files": []}).encode()
        forget_the_files.entry = {"length": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    if info.name == "manifest.json":
        manifest = json.loads(data)
        runs = [run | forget_the_files.entry for run in manifest["runs"]]
        data = json.dumps(manifest | {"runs": runs}).encode()
    return [(info, data)]


def other_format(info, data):
    return [(info, data.replace(b"replearn-runs-2", b"replearn-runs-9"))]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (drop_run, "is damaged: run 1 is incomplete in it"),
        (flip_byte("files/"), r"is damaged: files/[0-9a-f]{64}\S* is not what its run says"),
        (flip_byte("runs/1/metric"), "is damaged: runs/1/metric-0.json is not what its run says"),
        (flip_byte("runs/1/run"), "is damaged: runs/1/run.json is not what the manifest says"),
        (forget_the_files, "is damaged: run 1 is incomplete in it"),
        (other_format, "is no archive of runs, or is cut off: it has no manifest of replearn-runs"),
        (
            add(entry("../../evil.py")),
            r"is refused: '\.\./\.\./evil\.py' has no place in an archive",
        ),
        (add(entry("/etc/evil")), "is refused: '/etc/evil' has no place in an archive of runs"),
        (add(entry("runs/../../evil")), r"is refused: 'runs/\.\./\.\./evil' has no place"),
        (add(entry("runs/1/run.json")), "is damaged: runs/1/run.json is in it twice"),
        (add(entry(f"files/{'0' * 64}")), r"is damaged: files/0+ is missing, or is in it without"),
        (
            add(entry("files/" + "1" * 64, tarfile.SYMTYPE, "/etc/passwd")),
            "is refused: 'files/1+', which is no plain file, has no place in an archive",
        ),
        (
            add(entry("files/" + "1" * 64, tarfile.LNKTYPE, "../x")),
            "is refused: 'files/1+', which is no plain file, has no place in an archive",
        ),
        (add(entry("runs/1/metric-9.json", tarfile.CHRTYPE)), "which is no plain file"),
        (add(entry("runs", tarfile.DIRTYPE)), "is refused: 'runs', which is no plain file"),
    ],
)
def test_an_archive_that_was_changed_is_refused_before_anything_is_inserted(
    study, elsewhere, tmp_path, change, sentence
):
    export_runs([1], tmp_path / "a.tar", study)
    changed = rewritten(tmp_path / "a.tar", tmp_path / "b.tar", change)
    with pytest.raises(InputError, match=sentence):
        import_runs(changed, elsewhere)
    assert elsewhere.list_collection_names() == []


def test_an_archive_that_was_cut_off_anywhere_is_refused(study, elsewhere, tmp_path):
    export_runs([1, 2], tmp_path / "a.tar", study)
    whole = (tmp_path / "a.tar").read_bytes()
    # The last block but the zeros at the end is that of the manifest.
    for length in (0, 100, 512, 700, len(whole) // 2, len(whole.rstrip(b"\0")) - 1):
        (tmp_path / "short.tar").write_bytes(whole[:length])
        with pytest.raises(InputError, match="short.tar is (no tar file|no archive|damaged)"):
            import_runs(tmp_path / "short.tar", elsewhere)
    assert elsewhere.list_collection_names() == []


def test_what_is_no_archive_is_refused(study, tmp_path):
    (tmp_path / "text.tar").write_text("hello")
    with tarfile.open(tmp_path / "other.tar", "w") as other:
        other.addfile(entry("a"))
    with tarfile.open(tmp_path / "empty.tar", "w"):
        pass
    with tarfile.open(tmp_path / "packed.tar", "w:gz") as packed:
        packed.addfile(entry("a"))
    for name in ("text.tar", "packed.tar"):
        with pytest.raises(InputError, match=f"{name} is no tar file, or is damaged"):
            import_runs(tmp_path / name, study)
    with pytest.raises(InputError, match="other.tar is refused: 'a' has no place in an archive"):
        import_runs(tmp_path / "other.tar", study)
    with pytest.raises(InputError, match="empty.tar is no archive of runs"):
        import_runs(tmp_path / "empty.tar", study)
    with pytest.raises(InputError, match="there is no file .*absent.tar"):
        import_runs(tmp_path / "absent.tar", study)
