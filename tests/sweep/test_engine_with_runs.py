"""Real runs in sweeps, typed as commands: what is killed on the way, what is left at the end."""

import os
import pty
import signal
from pathlib import Path

import psutil
import pytest
from processes import family, is_alive, kill, wait_until
from small_runs import check_whole, training

import sweep as command
from replearn.runs.server import server_status, start_server

pytestmark = pytest.mark.slow
LOCAL = "--cluster local --workers 1 --threads 1"


@pytest.fixture
def own_server(server_folders, database, monkeypatch):
    """The folder of a server of this test alone, which may be killed."""
    from replearn.runs.database import open_database

    folder = server_folders()
    monkeypatch.setenv("MONGO_URL", start_server(folder))
    return folder, open_database()


def test_two_drivers_at_once_run_each_configuration_once(sweep, database, home, monkeypatch):
    """The first run stands still until the other driver has wanted it; they have the same claims.

    One of the drivers counts only runs of this code.
    """
    monkeypatch.setenv("REPLEARN_LEASE", "150")  # what stands still is not taken over
    drivers = [sweep(f"--cluster inline --code {code}", "seed=0,1") for code in ("any", "same")]
    running = {"state": "running"}
    wait_until(lambda: database.claims.find_one(running), 120)
    first = database.claims.find_one(running)
    pid = int(first["owner"].rpartition(":")[2])
    kill(pid, signal.SIGSTOP)
    try:
        wait_until(lambda: first["owner"] in claimed_by(home), 120)
    finally:
        kill(pid, signal.SIGCONT)
    for driver in drivers:
        output, _ = driver.communicate(timeout=120)
        assert driver.returncode == 0, output
        assert "2 of 2 finished: runs 1-2" in output
    assert [run["status"] for run in database.runs.find()] == ["COMPLETED"] * 2
    check_whole(database, 2)


def claimed_by(home: Path) -> list[str]:
    """The owners of claims that tasks of sweeps have met."""
    lines = [line for log in home.rglob("*.log") for line in log.read_text().splitlines()]
    return [line.split()[4] for line in lines if line.startswith("claimed: ")]


def test_a_worker_is_killed_and_the_database_goes_away(sweep, own_server):
    folder, database = own_server
    driver = sweep(LOCAL, "")
    wait_until(lambda: training(database), 120)
    first, pid = training(database)
    kill(psutil.Process(pid).ppid())  # Dask's worker: the run goes with it, and both come again
    wait_until(lambda: (found := training(database)) and found[0]["_id"] != first["_id"], 120)
    kill(server_status(folder).pid)
    wait_until(lambda: server_status(folder).pid is None)
    start_server(folder)
    output, _ = driver.communicate(timeout=180)
    assert driver.returncode == 0, output
    assert "Traceback" not in output
    check_whole(database, 1)
    assert database.runs.find_one({"info.resumed_from": first["_id"], "status": "COMPLETED"})


def test_the_command_goes_on_after_a_killed_driver_and_ctrl_c(sweep, database, capsys):
    driver = sweep(LOCAL, "")
    wait_until(lambda: training(database), 120)
    left = family(driver.pid)
    kill(driver.pid)
    driver.wait()
    wait_until(lambda: not any(map(is_alive, left)), 60)
    (first,) = database.runs.find()
    assert first["status"] == "INTERRUPTED"

    terminal, inside = pty.openpty()
    driver = sweep(LOCAL, "", stdout=inside, stderr=inside, preexec_fn=lambda: os.login_tty(inside))
    os.close(inside)
    wait_until(lambda: training(database), 120)
    left = family(driver.pid)
    os.write(terminal, b"\x03")
    wait_until(lambda: driver.poll() is not None, 90)
    assert driver.returncode == 130
    said = os.read(terminal, 65536).decode()
    os.close(terminal)
    assert said.rstrip().endswith("stopped; the same command goes on") and "Traceback" not in said
    wait_until(lambda: not any(map(is_alive, left)))
    second = database.runs.find_one({"info.resumed_from": first["_id"]})
    assert second["status"] == "INTERRUPTED"

    assert command.main(["status"]) == 1
    assert (
        capsys.readouterr()
        .out.splitlines()[1]
        .startswith(f"interrupted      1  run {second['_id']}")
    )
    assert command.main(["--cluster", "inline", "retry"]) == 0
    check_whole(database, 1)
    assert database.runs.find_one({"status": "COMPLETED"})["info"]["resumed_from"] == second["_id"]
