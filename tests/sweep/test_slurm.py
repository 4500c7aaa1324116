"""Sweeps on a real SLURM: jobs that are killed, that die, that never start, that are withdrawn."""

import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest
from processes import is_alive, kill, wait_until
from small_runs import check_whole, training

import sweep as command
from replearn.errors import InputError
from replearn.runs.sweeps import store_sweep
from replearn.sweep import watch
from replearn.sweep.cluster import Options
from replearn.sweep.engine import run_sweep

pytestmark = pytest.mark.slow
SMALL = {"cpus": 1, "memory": "500MB", "interface": "lo"}
ON_SLURM = "--cluster slurm --interface lo --jobs 1 --cpus 1 --memory 1GB"


def secrets(home: Path) -> list[Path]:
    """The files under a folder that hold a private key."""
    files = [path for path in home.rglob("*") if path.is_file()]
    return [path for path in files if b"PRIVATE KEY" in path.read_bytes()]


def job_of(pid: int) -> str:
    """The id of the job that a process is part of."""
    return psutil.Process(pid).environ()["SLURM_JOB_ID"]


def test_twenty_runs_while_jobs_die(slurm, nap, noted, pids, tmp_path):
    """One job dies before its worker is there, another is killed, one run dies, one fails once."""
    tasks = [nap(i) for i in range(20)]
    tasks[0], tasks[3], tasks[4] = nap(0, seconds=4), nap(3, code=139), nap(4, code=1)
    once = f'mkdir "{tmp_path}/been" 2>/dev/null && exit 3'
    options = Options(jobs=2, prologue=[once], **SMALL)
    killed = []

    def murder() -> None:
        wait_until(lambda: noted(0), 60)
        killed.append(job_of(pids(0)[0]))
        slurm("scancel", "--signal=KILL", "--full", *killed)

    thread = threading.Thread(target=murder)
    thread.start()
    ended = run_sweep(tasks, "slurm", options)
    thread.join()
    failed = {i: outcome for i, outcome in ended.items() if not outcome.finished}
    assert [*failed] == [4] and len(ended) == 20
    assert (failed[4].exit_code, failed[4].sentence) == (1, "nap t4 is asked to fail")
    assert noted(4) == ["start"]  # an error of its own: only who is told of it tries it again
    ended |= run_sweep([tasks[i] for i in failed], "slurm", options)
    assert [i for i in range(20) if ended[i].finished] == [*range(20)]
    assert [noted(i).count("done") for i in range(20)] == [1] * 20
    assert sorted(noted(0)) == ["done", "start", "start", "stopped"]  # it went with its worker
    assert noted(3) == noted(4) == ["start", "start", "done"]
    assert all(noted(i) == ["start", "done"] for i in (1, 2, *range(5, 20)))
    assert not any(is_alive(pid) for i in range(20) for pid in pids(i))
    wait_until(lambda: not slurm.jobs())


def test_a_real_run_whose_job_is_killed(slurm, sweep, database, home):
    driver = sweep(ON_SLURM, "")
    wait_until(lambda: training(database), 150)
    first, pid = training(database)
    job = job_of(pid)
    check_network(driver.pid, pid)
    assert [path.stat().st_mode & 0o77 for path in secrets(home)] == [0]
    slurm("scancel", "--signal=KILL", "--full", job)
    output, _ = driver.communicate(timeout=180)
    assert driver.returncode == 0, output
    assert "1 of 1 finished" in output
    check_whole(database, 1)
    resumed = database.runs.find_one({"info.resumed_from": first["_id"]})
    assert resumed["status"] == "COMPLETED"
    wait_until(lambda: not slurm.jobs())
    assert secrets(home) == []


def check_network(driver: int, run: int) -> None:
    """Driver, nanny and worker listen on the loopback alone, and talk to none without a key."""
    parents = psutil.Process(run).parents()
    nanny = next(each for each in parents if "dask_worker" in " ".join(each.cmdline()))
    worker = next(each for each in parents if each.ppid() == nanny.pid)
    for process in (psutil.Process(driver), nanny, worker):
        listening = [each.laddr for each in process.net_connections("inet") if not each.raddr]
        assert listening and {address.ip for address in listening} == {"127.0.0.1"}
    address = next(word for word in nanny.cmdline() if word.startswith("tls://127.0.0.1:"))
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2])), 5) as plain:
        with pytest.raises(ssl.SSLError, match="certificate required"):
            with context.wrap_socket(plain) as encrypted:
                encrypted.recv(1)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"cpus": 64}, r"will never start \(squeue: PartitionConfig\): ask for less"),
        ({"partition": "none"}, "slurm refuses our jobs: .*Invalid partition name"),
        ({"partition": "down"}, r"will never start \(squeue: PartitionDown\): ask for less, or"),
        ({"partition": "short"}, r"will never start \(squeue: PartitionTimeLimit\)"),
        ({"prologue": ["exit 3", "echo"]}, "jobs end before they can work, the last of them was"),
    ],
)
def test_jobs_that_never_start(slurm, nap, noted, monkeypatch, options, sentence):
    monkeypatch.setattr(watch, "FIRST_PAUSE", 0.5)
    monkeypatch.setattr(watch, "ROUNDS", 1)
    with pytest.raises(InputError, match=sentence):
        run_sweep([nap(0), nap(1)], "slurm", Options(**{**SMALL, "jobs": 2, **options}))
    assert noted(0) == noted(1) == []
    wait_until(lambda: not slurm.jobs())


def test_workers_that_do_not_reach_the_database(slurm, nap, noted, mongo_server, tmp_path):
    """The driver knows the name of the database's machine; the nodes do not."""
    (tmp_path / "sitecustomize.py").write_text(
        "import socket; ask = socket.getaddrinfo\n"
        "socket.getaddrinfo = lambda host, *a, **k: "
        "ask('127.0.0.1' if host == 'db.test' else host, *a, **k)\n"
    )
    url = mongo_server.replace("127.0.0.1", "db.test")
    code = (
        "from replearn.sweep.engine import *; from replearn.runs.database import open_database\n"
        f"open_database()\ntry: run_sweep([{nap(environment={'MONGO_URL': url})!r}], 'slurm', "
        f"Options(prologue=['unset PYTHONPATH'], jobs=1, **{SMALL!r}))\n"
        "except Exception as error: print(error)"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "MONGO_URL": url}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    host = socket.gethostname()
    assert done.stdout.startswith(f"the worker on {host} has no database: no MongoDB server")
    assert noted() == [] and done.stdout.count("\n") == 1


def test_cancel_withdraws_all_jobs(slurm, nap, noted, database):
    sweep = store_sweep(database, "nap", "nap", [], [], {"cluster": "slurm"})
    where = {"MONGO_URL": os.environ["MONGO_URL"], "MONGO_DB": database.name}
    tasks = [nap(i, {**where, "REPLEARN_SWEEP": sweep}, seconds=60) for i in range(3)]
    ended = {}
    options = Options(jobs=2, **{**SMALL, "cpus": 5})  # the second one waits for the first
    thread = threading.Thread(target=lambda: ended.update(run_sweep(tasks, "slurm", options)))
    thread.start()
    wait_until(lambda: noted(0) and len(slurm.jobs("pending")) == 1, 60)
    assert command.main(["cancel"]) == 0
    thread.join(60)
    assert all(outcome.cancelled for outcome in ended.values()) and len(ended) == 3
    assert noted(0) == ["start", "stopped"] and noted(1) == noted(2) == []
    wait_until(lambda: not slurm.jobs())


def test_a_driver_that_is_killed_leaves_no_keys_to_the_next(slurm, nap, noted, home):
    code = (
        "from replearn.sweep.engine import *\n"
        f"run_sweep([{nap(0, seconds=60)!r}], 'slurm', Options(jobs=1, **{SMALL!r}))"
    )
    driver = subprocess.Popen([sys.executable, "-c", code])
    try:
        wait_until(noted, 60)
    finally:
        kill(driver.pid, signal.SIGKILL)
        driver.wait()
    left = secrets(home)
    wait_until(lambda: noted() == ["start", "stopped"] and not slurm.jobs())
    assert run_sweep([nap(1)], "slurm", Options(jobs=1, **SMALL))[1].finished
    assert left and secrets(home) == []
