"""What is drawn once: two processes at once, killed ones, full disks, damaged files."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from replearn.dataset.cache import lock, made_once, mapped, write_array
from replearn.errors import InputError

BLOCKS = np.arange(24, dtype=np.uint8).reshape(3, 2, 4)

# Writes 2 blocks with a pause between them, and a line into the log each time it starts to write.
SLOW = """
import sys, time
import numpy as np
from replearn.dataset.cache import made_once, write_array

def blocks():
    yield np.ones((1, 4), np.uint8)
    print("half", flush=True)
    time.sleep(float(sys.argv[2]))
    yield np.ones((1, 4), np.uint8)

def write(file):
    with open(sys.argv[1], "a") as log:
        log.write("drawing\\n")
    write_array(file, (2, 4), blocks())

print(made_once("slow.npy", write))
"""


def slow(log, pause):
    return subprocess.Popen(
        [sys.executable, "-c", SLOW, str(log), str(pause)], stdout=subprocess.PIPE, text=True
    )


def write(file):
    write_array(file, (6, 4), BLOCKS)


def test_file_is_written_once_and_mapped(home):
    path = made_once("test.npy", write)
    assert path == home / "data" / "test.npy"
    np.testing.assert_array_equal(mapped(path, (6, 4)), BLOCKS.reshape(6, 4))

    def never(file):
        raise AssertionError

    assert made_once("test.npy", never) == path


def test_read_only_data_folder_is_left_alone(home, tmp_path, monkeypatch):
    published = tmp_path / "published"
    published.mkdir(mode=0o555)
    monkeypatch.setenv("REPLEARN_DATA", str(published))
    assert made_once("test.npy", write).parent == home / "data"
    assert not list(published.iterdir())


def test_lock_that_was_removed_keeps_nobody_out(home):
    """Who waited for it takes the one that is there, and nothing is left behind."""
    path = home / "data" / "test.npy"
    order = []

    def work(name):
        with lock(path):
            order.append(f"{name} in")
            time.sleep(0.05)
            order.append(f"{name} out")

    threads = [threading.Thread(target=work, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [entry[2:] for entry in order] == ["in", "out"] * 3
    assert [entry[0] for entry in order[::2]] == [entry[0] for entry in order[1::2]]
    assert list((home / "data").iterdir()) == []


@pytest.mark.slow
def test_two_processes_draw_once(home, tmp_path):
    processes = [slow(tmp_path / "log", 0.5) for _ in range(2)]
    ends = [process.communicate(timeout=60)[0].split("\n")[-2] for process in processes]
    assert ends == [str(home / "data" / "slow.npy")] * 2
    assert (tmp_path / "log").read_text() == "drawing\n"


@pytest.mark.slow
def test_killed_draw_leaves_nothing_that_looks_finished(home, tmp_path):
    process = slow(tmp_path / "log", 60)
    assert process.stdout is not None
    assert process.stdout.readline() == "half\n"
    process.kill()
    process.communicate()
    assert not (home / "data" / "slow.npy").exists()
    start = time.monotonic()
    process = slow(tmp_path / "log", 0)
    process.communicate(timeout=60)
    assert time.monotonic() - start < 30  # it does not wait for the dead one
    assert mapped(home / "data" / "slow.npy", (2, 4)).sum() == 8
    assert not list((home / "data").glob("*.partial"))


def test_failed_draw_leaves_nothing(home):
    with pytest.raises(InputError, match=r"expected 7 images, got 6: the source is incomplete"):
        made_once("test.npy", lambda file: write_array(file, (7, 4), BLOCKS))
    assert not list((home / "data").glob("test.npy*"))


@pytest.mark.slow
def test_full_disk_is_one_sentence_and_leaves_nothing(home):
    code = (
        "import resource, signal, numpy as np\n"
        "from replearn.dataset.cache import made_once, write_array\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))\n"
        "blocks = (np.zeros((1, 4096), np.uint8) for _ in range(9))\n"
        "made_once('full.npy', lambda file: write_array(file, (9, 4096), blocks))\n"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    last = process.stderr.strip().split("\n")[-1]
    assert "InputError: cannot write" in last
    assert "File too large; free some space or give another folder with REPLEARN_HOME" in last
    assert not list((home / "data").glob("full.npy*"))


def test_folder_that_cannot_be_made_is_one_sentence(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("REPLEARN_HOME", str(tmp_path / "file"))
    with pytest.raises(InputError, match=r"cannot write .*Not a directory; free some space"):
        made_once("test.npy", write)


def test_signed_images_are_kept_as_they_are(home):
    blocks = BLOCKS.astype(np.int16) - 5
    kept = made_once("signed.npy", lambda file: write_array(file, (6, 4), blocks, np.int16))
    np.testing.assert_array_equal(np.load(kept), blocks.reshape(6, 4))
    np.testing.assert_array_equal(mapped(kept, (6, 4), np.int16), blocks.reshape(6, 4))
    with pytest.raises(InputError, match=r"holds int16 \(6, 4\) where uint8 \(6, 4\) was expected"):
        mapped(kept, (6, 4))
    with pytest.raises(InputError, match=r"expected blocks of int16 .*got uint8 \(2, 4\)"):
        made_once("bad.npy", lambda file: write_array(file, (6, 4), BLOCKS, np.int16))


def test_block_of_another_width_is_refused(home):
    with pytest.raises(InputError, match=r"expected blocks of uint8 .*got float64 \(3, 4\)"):
        made_once("test.npy", lambda file: write_array(file, (6, 4), [np.zeros((3, 4))]))


@pytest.mark.parametrize("size", [0, 50, 140])
def test_truncated_file_is_one_sentence(home, size):
    path = made_once("test.npy", write)
    with open(path, "r+b") as file:
        file.truncate(size)
    with pytest.raises(InputError, match=r"test.npy is damaged; delete it and it is made again"):
        mapped(path, (6, 4))


@pytest.mark.parametrize("kind", ["zip", "folder", "header"])
def test_what_is_no_array_is_one_sentence(home, kind):
    path = home / "data" / "test.npy"
    if kind == "zip":
        with open(path, "wb") as file:
            np.savez(file, images=BLOCKS)
    elif kind == "folder":
        path.mkdir()
    else:  # a header that Python's tokenizer gives up on
        made_once("test.npy", write)
        path.write_bytes(path.read_bytes().replace(b"}", b"("))
    with pytest.raises(InputError, match=r"test.npy is damaged; delete it and it is made again"):
        mapped(path, (6, 4))


def test_foreign_file_is_one_sentence(home):
    path = home / "data" / "test.npy"
    np.save(path, np.zeros(5))
    with pytest.raises(InputError, match=r"holds float64 \(5,\) where uint8 \(6, 4\) was expected"):
        mapped(path, (6, 4))
    np.save(path, np.array([{}]), allow_pickle=True)
    with pytest.raises(InputError, match=r"is damaged"):
        mapped(path, (6, 4))


def test_large_file_is_not_read_ahead_of_its_use(home):
    """The system's list of mappings says "rr" where it should not read on behind a page."""
    path = home / "data" / "large.npy"
    with open(path, "wb") as file:
        np.lib.format.write_array_header_1_0(
            file, {"descr": "|u1", "fortran_order": False, "shape": (1 << 18, 4096)}
        )
        file.truncate(file.tell() + (1 << 30))  # a hole
    array = mapped(path, (1 << 18, 4096))
    entry = Path("/proc/self/smaps").read_text().split(str(path))[1]
    assert "rr" in entry.split("VmFlags:")[1].splitlines()[0].split()
    assert array[-1].sum() == 0
