"""One task is one process: what it gets, how it ends, and who ends it."""

import os
import signal
import subprocess
import sys
import threading

import pytest
from processes import is_alive, kill, wait_until

from replearn.runs.database import close_clients
from replearn.sweep import task as module
from replearn.sweep.task import Outcome, Task, run_task, stop_tasks


def test_a_task_runs_to_its_end(nap, noted):
    outcome = run_task(nap())
    assert outcome.finished and outcome.run_id == 1 and outcome.sentence is None
    assert noted() == ["start", "done"] and 0 < outcome.seconds < 20


def test_the_log_keeps_what_every_attempt_printed(nap, tmp_path):
    task = nap(code=1)
    run_task(task), run_task(task)
    log = tmp_path / "sims" / "replearn" / "sweeps" / "naps" / "0.log"
    assert task.log == log
    assert log.read_text() == "error: nap t0 is asked to fail\nrun 2: COMPLETED\n"


@pytest.mark.parametrize(
    ("code", "exit_code", "sentence", "may_succeed"),
    [
        (1, 1, "nap t0 is asked to fail", False),
        (3, 3, "code 3", True),
        (4, 4, "code 4", False),
        (124, 124, "its time was over", True),
        (128 + signal.SIGKILL, 137, "ended by SIGKILL", True),
        (128 + signal.SIGSEGV, 139, "ended by SIGSEGV", True),
    ],
)
def test_how_a_task_ended(nap, code, exit_code, sentence, may_succeed):
    outcome = run_task(nap(code=code))
    assert (outcome.exit_code, outcome.sentence) == (exit_code, sentence)
    assert outcome.may_succeed is may_succeed and not outcome.finished


@pytest.mark.parametrize(
    ("printed", "run_id", "sentence"),
    [
        ("run 12: COMPLETED\n", 12, None),
        ("skipped: run 7 is finished\n", 7, "skipped: run 7 is finished"),
        ("error: first\nerror: run 3 is away\nrun 8: FAILED\n", 8, "run 3 is away"),
        ("Traceback\nValueError: no\n\n", None, "ValueError: no"),
        ("a bar\rclaimed: x by host:1 (run 5)\n", None, "claimed: x by host:1 (run 5)"),
        ("", None, "ended with exit code 1 without a word"),
    ],
)
def test_what_the_output_says(tmp_path, printed, run_id, sentence):
    log = tmp_path / "log"
    log.write_text("run 1: FAILED\nerror: of another attempt\n")
    start = log.stat().st_size
    with open(log, "a") as file:
        file.write("x" * module.OUTPUT_BYTES + "\n" + printed)
    code = 0 if sentence is None or sentence.startswith("skipped") else 1
    assert module.read_output(log, start, code)[0] == run_id
    if printed:
        assert module.read_output(log, start, code)[1] == sentence
    else:
        assert module.read_output(log, log.stat().st_size, code)[1] == sentence


def test_an_error_of_a_database_that_was_away_is_no_error_of_the_task():
    assert Outcome(1, None, "no MongoDB server answers at mongodb://h within 3 s").may_succeed
    assert not Outcome(1, None, "unknown key 'sed'").may_succeed
    assert not Outcome(143, None, "ended by SIGTERM", cancelled=True).may_succeed


def test_a_task_has_its_share_of_the_cores(nap, monkeypatch):
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "65536")
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    for name, value in [
        ("OMP_NUM_THREADS", "3"),
        ("OPENBLAS_NUM_THREADS", "3"),
        ("MALLOC_TRIM_THRESHOLD_", None),
    ]:
        task = nap(show=name)
        run_task(task, threads=3)
        assert f"{name} = {value}" in task.log.read_text()


def test_what_the_task_asks_for_is_what_it_gets(nap):
    task = nap(show="OMP_NUM_THREADS", environment={"OMP_NUM_THREADS": "2"})
    run_task(task, threads=3)
    assert "OMP_NUM_THREADS = 2" in task.log.read_text()


def test_all_but_those_of_the_cpu_want_a_gpu():
    assert Task(0, "x").wants_gpu() and not Task(0, "x", ["device=cpu"]).wants_gpu()


def test_a_worker_that_leaves_lets_the_run_store_its_state(nap, noted):
    left = threading.Event()
    threading.Timer(0.5, left.set).start()
    outcome = run_task(nap(seconds=30), leaving=left.is_set)
    assert outcome.exit_code == 124 and not outcome.cancelled
    wait_until(lambda: "stopped" in noted())


def test_the_tasks_of_one_driver_are_stopped(nap, noted):
    ended = {}

    def run(index: int, seconds: int, driver: str) -> None:
        ended[index] = run_task(nap(index, seconds=seconds), 1, driver)

    given = [(0, 30, "mine"), (1, 2, "other")]
    threads = [threading.Thread(target=run, args=each) for each in given]
    for thread in threads:
        thread.start()
    wait_until(lambda: noted(0) and noted(1))
    stop_tasks("mine")
    for thread in threads:
        thread.join()
    assert ended[0].exit_code == 143 and ended[0].cancelled and noted(0) == ["start", "stopped"]
    assert ended[1].finished and noted(1) == ["start", "done"]
    assert run_task(nap(2), 1, "mine").cancelled and noted(2) == []  # it starts no more


def test_a_process_that_does_not_listen_is_killed(nap, noted, monkeypatch):
    monkeypatch.setattr(module, "GRACE_SECONDS", 0.3)
    task = nap(seconds=30, deaf="yes")
    threading.Timer(0.5, lambda: (wait_until(noted), stop_tasks("deaf"))).start()
    assert run_task(task, 1, "deaf").exit_code == 137


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM])
def test_a_process_ends_with_its_worker(nap, noted, pids, signum):
    task = nap(seconds=30)
    code = f"from replearn.sweep.task import *; run_task({task!r})"
    worker = subprocess.Popen([sys.executable, "-c", code])
    try:
        wait_until(noted)
        worker.send_signal(signum)
        worker.wait()
        wait_until(lambda: noted() == ["start", "stopped"])
        wait_until(lambda: not is_alive(pids(0)[0]))
    finally:
        kill(worker.pid)


def test_a_process_whose_worker_is_dead_already_does_not_start():
    code = (
        "import os; from replearn.sweep.task import end_with_parent\n"
        f"end_with_parent({os.getpid() + 1}); print('alive')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 143 and done.stdout == ""


def test_ctrl_c_in_a_worker_stops_its_process(nap, noted):
    code = f"from replearn.sweep.task import *; run_task({nap(seconds=30)!r})"
    worker = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
    try:
        wait_until(noted)
        worker.send_signal(signal.SIGINT)
        worker.wait(20)
        assert noted() == ["start", "stopped"]
    finally:
        kill(worker.pid)


def test_a_sweep_is_cancelled_in_the_database(nap, noted, database):
    from replearn.runs.sweeps import cancel_sweep, store_sweep

    sweep = store_sweep(database, "nap", "nap", [], [], {})
    where = {"MONGO_URL": os.environ["MONGO_URL"], "MONGO_DB": database.name}
    task = nap(seconds=30, environment={**where, "REPLEARN_SWEEP": sweep})
    threading.Thread(target=lambda: (wait_until(noted), cancel_sweep(database, sweep))).start()
    outcome = run_task(task)
    assert outcome.cancelled and outcome.exit_code == 143 and noted() == ["start", "stopped"]
    assert run_task(task).sentence == "cancelled before it started"


def test_a_task_waits_for_the_database(nap, noted, monkeypatch):
    monkeypatch.setattr(module, "AWAY_SECONDS", 0.0)
    task = nap(environment={"MONGO_URL": "mongodb://127.0.0.1:9"})
    monkeypatch.setenv("MONGO_URL", "")
    outcome = run_task(task)
    assert outcome.exit_code == 1 and outcome.may_succeed and noted() == []
    assert outcome.sentence.startswith("no MongoDB server answers at mongodb://127.0.0.1:9")
    close_clients()
