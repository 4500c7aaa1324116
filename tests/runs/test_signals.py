"""Signals end a run in good order: the status, the exit code, and all that was measured."""

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import replearn
from replearn.runs import signals
from replearn.runs.signals import (
    Interrupted,
    TimedOut,
    in_a_hurry,
    signals_dropped,
    signals_handled,
    signals_held,
)


@pytest.mark.parametrize(
    ("signum", "status", "code"),
    [
        pytest.param(signal.SIGINT, "INTERRUPTED", 130, marks=pytest.mark.slow),
        (signal.SIGTERM, "INTERRUPTED", 143),
        pytest.param(signal.SIGHUP, "INTERRUPTED", 129, marks=pytest.mark.slow),
        pytest.param(signal.SIGUSR1, "TIMEOUT", 124, marks=pytest.mark.slow),
    ],
)
def test_a_signal_ends_the_run_with_all_that_was_measured(
    database, mongo_server, start_probe, signum, status, code
):
    probe = start_probe(mongo_server, database.name, steps=500, pause=0.02)
    probe.wait_for("step 14")
    probe.process.send_signal(signum)
    probe.process.send_signal(signum)  # a second one, while the run is being stored
    assert probe.end() == code
    run = database.runs.find_one()
    assert run["status"] == status and run["stop_time"] is not None
    steps = database.metrics.find_one({"name": "train.loss"})["steps"]
    assert len(steps) >= 15 and steps == list(range(len(steps)))
    assert run["completion"]["metrics"]["train.loss"] == len(steps)
    assert {one["name"] for one in run["artifacts"]} >= {"step-00000013.bin", "newest.txt"}
    assert f"step {len(steps) - 2}\n" in run["captured_out"]  # printed since the last heartbeat


def run_python(code, before=()):
    command = [sys.executable, "-c", "import os, signal, time, sys\n" + code]
    return subprocess.run(
        command,
        env=os.environ | {"PYTHONPATH": str(Path(replearn.__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=30,
        preexec_fn=lambda: [signal.signal(one, signal.SIG_IGN) for one in before] and None,
    )


def test_an_ignored_signal_stays_ignored():
    # As under nohup, and as in a job that a script starts with `&`.
    code = (
        "from replearn.runs.signals import *\nhandle_signals()\n"
        "for one in (signal.SIGHUP, signal.SIGINT): os.kill(os.getpid(), one)\n"
        "print('alive', flush=True)\n"
        "try: os.kill(os.getpid(), signal.SIGTERM)\n"
        "except Interrupted as error: sys.exit(error.exit_code)\n"
    )
    done = run_python(code, before=(signal.SIGHUP, signal.SIGINT))
    assert (done.stdout, done.returncode) == ("alive\n", 143)


def test_a_library_that_catches_every_exception_does_not_swallow_it():
    assert issubclass(Interrupted, KeyboardInterrupt) and not issubclass(Interrupted, Exception)
    assert TimedOut().exit_code == 124 and TimedOut.STATUS == "TIMEOUT"


def test_an_interrupt_waits_for_the_end_of_a_held_block():
    done = []
    with signals_handled():
        with pytest.raises(Interrupted, match="stopped by SIGTERM"):
            with signals_held():
                with signals_held():
                    os.kill(os.getpid(), signal.SIGTERM)
                    done.append("inner")
                done.append("outer")
            done.append("never")
    assert done == ["inner", "outer"]


def test_only_the_first_signal_interrupts(capsys):
    with signals_handled():
        with pytest.raises(TimedOut):
            os.kill(os.getpid(), signal.SIGUSR1)
            time.sleep(1)
        assert not in_a_hurry()
        os.kill(os.getpid(), signal.SIGTERM)
        assert in_a_hurry()
    assert "SIGTERM ignored: storing the run, this ends by itself" in capsys.readouterr().err


def test_nothing_interrupts_a_run_that_is_being_stored():
    with signals_handled():
        signals_dropped()
        for signum in signals.SIGNALS:
            os.kill(os.getpid(), signum)


def test_handlers_are_restored():
    before = {signum: signal.getsignal(signum) for signum in signals.SIGNALS}
    with signals_handled():
        assert signal.getsignal(signal.SIGTERM) != before[signal.SIGTERM]
    assert {signum: signal.getsignal(signum) for signum in signals.SIGNALS} == before


@pytest.mark.slow
def test_an_interrupt_never_leaves_the_queue_of_metrics_locked():
    """`log_scalar` holds the queue's lock for an instant; an interrupt then would hang the end."""
    for attempt in range(8):
        points = queue.Queue()
        with signals_handled():
            sender = threading.Timer(
                0.002 + attempt * 1e-3,
                lambda: signal.pthread_kill(threading.main_thread().ident, signal.SIGTERM),
            )
            sender.start()
            with pytest.raises(Interrupted):
                while True:
                    points.put(1)
            sender.join()
        assert points.mutex.acquire(timeout=1)
        points.mutex.release()


def test_an_interrupt_that_waits_in_a_lock_still_comes():
    handle = threading.Event()
    with signals_handled():
        threading.Timer(
            0.05, lambda: signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        ).start()
        started = time.monotonic()
        with pytest.raises(Interrupted):
            handle.wait(20)  # inside threading all the time
    assert time.monotonic() - started < 5


def test_an_interrupt_that_comes_too_late_does_not_kill_the_process():
    # One that was postponed, or of a claim that is lost, when the handlers are the system's again.
    code = (
        "from replearn.runs import signals\n"
        "with signals.signals_handled(): pass\n"
        "signals._again(signal.SIGUSR1)\n"
        "signals.interrupt_main(signals.ClaimLost('late'))\n"
        "print('alive')\n"
    )
    done = run_python(code)
    assert (done.stdout, done.returncode) == ("alive\n", 0)


def test_another_thread_can_interrupt_the_main_one():
    with signals_handled():
        lost = signals.ClaimLost("run 1 stops")
        threading.Timer(0.05, lambda: signals.interrupt_main(lost)).start()
        with pytest.raises(signals.ClaimLost, match="run 1 stops") as caught:
            time.sleep(20)
    assert (caught.value.exit_code, caught.value.STATUS) == (4, "INTERRUPTED")
