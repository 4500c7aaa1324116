"""Files of analyses: a new one is whole, or the old one stays."""

import resource

import pytest

from replearn.analysis.files import write_whole


def test_a_full_disk_leaves_the_old_file_and_no_other(tmp_path):
    path = write_whole(tmp_path / "a.txt", "old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            write_whole(path, b"x" * 2000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
