"""All tasks of a sweep end, each once, whatever is killed on the way."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from processes import family, is_alive, kill, wait_until

from replearn.errors import InputError
from replearn.sweep import engine
from replearn.sweep.cluster import Options
from replearn.sweep.engine import run_sweep
from replearn.sweep.task import Outcome


@pytest.fixture
def drive(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen]]:
    """A function that starts a driver; it and all it started are gone at the end."""
    started = []

    def start(*words: object) -> subprocess.Popen:
        driver = subprocess.Popen(
            [sys.executable, "-W", "error", Path(__file__).with_name("drive.py"), *map(str, words)],
            env={**os.environ, "REPLEARN_HOME": str(tmp_path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(driver)
        return driver

    yield start
    for driver in started:
        for process in [*family(driver.pid), driver.pid]:
            kill(process)
        driver.communicate()


def workers_of(pid: int) -> list[int]:
    """The pids of Dask's workers of a driver."""
    children = psutil.Process(pid).children()
    return [c.pid for c in children if "multiprocessing.spawn" in " ".join(c.cmdline())]


def test_an_inline_sweep_runs_one_after_another(nap, noted):
    reported = []
    ended = run_sweep(
        [nap(0), nap(1, code=1), nap(2)], "inline", report=lambda i, o: reported.append(i)
    )
    assert reported == [0, 1, 2] and [ended[i].exit_code for i in range(3)] == [0, 1, 0]
    assert noted(1) == ["start"]  # an error of the task is no reason to try again


def test_inline_imports_no_dask(nap):
    code = (
        "import sys; from replearn.sweep.engine import run_sweep; "
        "from replearn.sweep.task import Task\n"
        f"run_sweep([{nap()!r}], 'inline')\n"
        "print({'dask', 'distributed', 'torch'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_nothing_to_do_needs_no_cluster():
    assert run_sweep([], "slurm") == {}


@pytest.mark.parametrize(("times", "exit_code", "n"), [(2, 0, 3), (5, 143, 3)])
def test_what_may_succeed_is_tried_three_times(nap, noted, times, exit_code, n):
    ended = run_sweep([nap(code=143, times=times)], "inline")
    assert ended[0].exit_code == exit_code and noted().count("start") == n


def test_an_attempt_that_stored_its_state_does_not_count(nap, noted, monkeypatch):
    monkeypatch.setattr(engine, "LONG_SECONDS", 0.0)
    ended = run_sweep([nap(code=124, times=5)], "inline")
    assert ended[0].finished and noted().count("start") == 6


def test_what_another_sweep_has_claimed_is_looked_at_again(nap, noted, monkeypatch):
    monkeypatch.setattr(engine, "BLIND_SECONDS", 0.1)
    monkeypatch.setattr(engine, "LOOK_SECONDS", 0.1)
    order = []
    ended = run_sweep(
        [nap(0, code=4, times=4), nap(1)], "inline", report=lambda i, o: order.append(i)
    )
    assert order == [1, 0] and ended[0].finished and noted(0).count("start") == 5


@pytest.fixture
def claimed(nap, database, monkeypatch):
    """A function that makes a task with a claim of another owner; and the claim."""
    from replearn.runs.claims import claim

    monkeypatch.setattr(engine, "LOOK_SECONDS", 0.1)
    where = {"MONGO_URL": os.environ["MONGO_URL"], "MONGO_DB": database.name}

    def make(seconds: float = 150, **words):
        task = nap(environment=where, **words)
        mine = claim(database, "nap:1", "other:1", seconds)
        return type(task)(task.index, task.module, task.words, task.environment, "nap:1"), mine

    return make


def test_what_another_sweep_has_finished_is_finished(claimed, noted):
    task, other = claimed(code=4, times=9)
    thread = threading.Thread(target=lambda: (wait_until(noted), other.done(17)))
    thread.start()
    ended = run_sweep([task], "inline")
    thread.join()
    assert ended[0] == Outcome(0, 17, "skipped: other:1 has finished it as run 17")
    assert noted() == ["start"]


def test_what_another_sweep_died_of_is_taken_up(claimed, noted):
    task, _ = claimed(seconds=0.5, code=4, times=1)
    assert run_sweep([task], "inline")[0].finished and noted().count("start") == 2


@pytest.mark.parametrize(("retry", "n"), [(True, 2), (False, 1)])
def test_a_claim_knows_whether_an_error_is_of_the_configuration(claimed, noted, retry, n):
    task, other = claimed(code=1, times=1)
    other.failed("out of memory", retry=retry)
    assert run_sweep([task], "inline")[0].finished is retry and noted().count("start") == n


@pytest.mark.slow
def test_a_worker_that_is_killed_loses_nothing(nap, noted, pids):
    tasks = [nap(0, seconds=3, storing=0.2), nap(1, code=1), nap(2, code=139), nap(3), nap(4)]
    order, killed = [], []

    def murder() -> None:
        wait_until(lambda: noted(0))
        killed.append(psutil.Process(pids(0)[0]).ppid())
        kill(killed[0])

    thread = threading.Thread(target=murder)
    thread.start()
    ended = run_sweep(tasks, "local", Options(workers=2), lambda i, o: order.append(i))
    thread.join()
    assert killed[0] != os.getpid()
    assert [ended[i].exit_code for i in range(5)] == [0, 1, 0, 0, 0] and sorted(order) == [
        *range(5)
    ]
    # It ended with its worker, and only the second one finished.
    assert sorted(noted(0)) == ["done", "start", "start", "stopped"] and not is_alive(pids(0)[0])
    assert noted(1) == ["start"] and noted(2) == ["start", "start", "done"]
    assert not workers_of(os.getpid())


@pytest.mark.slow
def test_each_gpu_has_its_runs_and_the_cpu_the_rest(nap, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5,7")
    tasks = [nap(i, show="CUDA_VISIBLE_DEVICES", seconds=0.3) for i in range(4)]
    tasks += [nap(i, show="CUDA_VISIBLE_DEVICES", device="cpu") for i in (4, 5)]
    ended = run_sweep(tasks, "local", Options(workers=3, gpus=2))
    assert all(outcome.finished for outcome in ended.values())
    seen = [task.log.read_text().split("=")[1].split()[0] for task in tasks[:4]]
    assert sorted(seen) == ["3", "3", "5", "5"]
    assert all("CUDA_VISIBLE_DEVICES = \n" in task.log.read_text() for task in tasks[4:])


def test_ctrl_c_stores_what_runs_and_ends(drive, noted):
    driver = drive("inline", 1, 3, 30, "storing=0.5")
    wait_until(lambda: noted(0))
    left = family(driver.pid)
    os.killpg(driver.pid, signal.SIGINT)  # as a terminal sends it
    output, errors = driver.communicate(timeout=15)
    assert driver.returncode == -signal.SIGINT and output == ""
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert noted(0) == ["start", "stopped"] and noted(2) == []
    wait_until(lambda: not any(map(is_alive, left)))


@pytest.mark.slow
def test_a_cancelled_sweep_ends(nap, noted, database):
    from replearn.runs.sweeps import cancel_sweep, store_sweep

    sweep = store_sweep(database, "nap", "nap", [], [], {})
    where = {"MONGO_URL": os.environ["MONGO_URL"], "MONGO_DB": database.name}
    tasks = [nap(i, {**where, "REPLEARN_SWEEP": sweep}, seconds=30) for i in range(4)]
    thread = threading.Thread(
        target=lambda: (wait_until(lambda: noted(0) and noted(1)), cancel_sweep(database, sweep))
    )
    thread.start()
    ended = run_sweep(tasks, "local", Options(workers=2))
    thread.join()
    assert all(outcome.cancelled for outcome in ended.values()) and len(ended) == 4
    assert noted(0) == ["start", "stopped"] and noted(3) == []


@pytest.mark.parametrize(
    ("cluster", "match"),
    [
        ("slurn", r"there is no cluster 'slurn'; did you mean 'slurm'\?"),
        ("tcp://127.0.0.1:9", "no Dask scheduler answers at tcp://127.0.0.1:9 within"),
        ("tcp://127.0.0.1", "looks like tcp://HOST:8786, got 'tcp://127.0.0.1'"),
    ],
)
def test_a_cluster_that_cannot_be_used(nap, noted, cluster, match):
    with pytest.raises(InputError, match=match):
        run_sweep([nap()], cluster)
    assert noted() == []
