"""Experiments from the command line: exit codes, statuses, and what is said when things fail."""

import os
import pdb
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sacred import Experiment

from experiments import supervised, unsupervised
from replearn.errors import InputError
from replearn.paths import root
from replearn.runs import history, observer
from replearn.runs.commandline import run_commandline
from replearn.runs.database import open_database
from replearn.runs.query import load_run
from replearn.runs.server import server_status, start_server, stop_server
from replearn.runs.spool import spooled_runs, sync

SCRIPTS = root() / "scripts"
SMALL = ["dataset.digits", "dataset.size=32", "model.burgess", "fast", "progress=False"]


@pytest.fixture
def start(database, tmp_path):
    """Start experiments.supervised in a process of its own."""
    processes = []

    def start(*updates, options=(), **kwargs):
        command = [sys.executable, "-m", "experiments.supervised", *options, "with", *SMALL]
        processes.append(
            subprocess.Popen(
                [*command, *updates],
                cwd=SCRIPTS,
                env=os.environ | {"REPLEARN_HOME": str(tmp_path)},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                **kwargs,
            )
        )
        return processes[-1]

    yield start
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def failing():
    """An experiment of a few lines that raises what it is told."""
    experiment = Experiment("failing", save_git_info=False)
    experiment.add_config(error="value")

    @experiment.main
    def main(error):
        culprit = {"value": ValueError("unforeseen"), "input": InputError("foreseen")}[error]
        raise culprit

    return experiment


@pytest.mark.slow
def test_a_database_that_dies_for_good_leaves_the_run_in_the_spool(
    server_folders, tmp_path, monkeypatch, capsys
):
    folder = server_folders()
    monkeypatch.setenv("MONGO_URL", start_server(folder))
    monkeypatch.setenv("MONGO_DB", "replearn")
    monkeypatch.setenv("REPLEARN_HOME", str(tmp_path))
    monkeypatch.setattr(observer, "PATIENCE", 0.5)
    log = history.History.log

    def log_without_server(self, name, value, step):
        if pid := server_status(folder).pid:
            os.kill(pid, signal.SIGKILL)
        log(self, name, value, step)

    monkeypatch.setattr(history.History, "log", log_without_server)
    assert run_commandline(supervised.ex, ["X", "with", *SMALL]) == 3
    said = capsys.readouterr().err
    assert "run 1 could not be stored and waits in" in said and "Traceback" not in said
    assert len(spooled_runs("replearn")) == 1

    monkeypatch.setenv("MONGO_URL", start_server(folder))
    database = open_database()
    assert sync(database) == [1]
    assert load_run(1, database).status == "COMPLETED"
    assert load_run(1, database).metric("val.loss")[0].tolist() == [10, 20]
    stop_server(folder)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("signum", "code", "status"),
    [(signal.SIGHUP, 129, "INTERRUPTED"), (signal.SIGUSR1, 124, "TIMEOUT")],
)
def test_signals_end_an_experiment_with_their_exit_code(start, database, signum, code, status):
    process = start("training.steps=1_000_000", options=["-b", "0.3"])
    deadline = time.monotonic() + 50
    while database.metrics.find_one({"name": "train.loss"}) is None:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.1)
    process.send_signal(signum)
    out, err = process.communicate(timeout=50)
    assert process.returncode == code, err
    assert f"run 1: {status}" in out and "Traceback" not in err
    run = database.runs.find_one()
    assert run["status"] == status
    assert run["completion"]["metrics"]["train.loss"] >= 1


def limit_files():
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))  # weights are larger


@pytest.mark.slow
def test_a_file_size_limit_is_one_sentence_and_no_result(start, database):
    process = start(preexec_fn=limit_files)
    out, err = process.communicate(timeout=50)
    errors = [line for line in err.splitlines() if line.startswith("error: ")]
    assert process.returncode == 1, err
    assert len(errors) == 1 and "File too large" in errors[0] and "Traceback" not in err
    assert [run["status"] for run in database.runs.find()] == ["FAILED"]


@pytest.mark.parametrize("option", ["-s", "-S", "-t"])
def test_other_observers_are_refused(option, database, tmp_path, capsys):
    target = str(tmp_path / "elsewhere")
    assert run_commandline(supervised.ex, ["X", option, target, "with", *SMALL]) == 1
    assert f"error: the option {option} is not supported" in capsys.readouterr().err
    assert database.runs.count_documents({}) == 0 and not Path(target).exists()


@pytest.mark.parametrize(
    ("experiment", "last"),
    [(supervised, "logits (10,) 2,570 2,560"), (unsupervised, "logits (1, 32, 32) 513 131,072")],
)
def test_layers_of_a_model_are_printed(experiment, last, capsys):
    assert run_commandline(experiment.ex, ["X", "model.layers", "with", *SMALL]) == 0
    rows = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    # 32 kernels of 4 x 4 and their biases; 256 x 10 + 10 weights, or one kernel of 32 x 4 x 4.
    assert rows[0] == "layer shape parameters MACs"
    assert rows[1] == "encoder.0 (32, 16, 16) 544 131,072"
    assert rows[-2] == last
    assert rows[-1].startswith("total ")


def test_the_debugger_opens_where_an_unforeseen_exception_was_raised(
    failing, database, monkeypatch, capsys
):
    seen = []

    def post_mortem(trace):
        while trace.tb_next is not None:
            trace = trace.tb_next
        seen.append((repr(trace.tb_frame.f_locals["culprit"]), signal.getsignal(signal.SIGINT)))

    monkeypatch.setattr(pdb, "post_mortem", post_mortem)
    assert run_commandline(failing, ["X", "-D", "-c", "a remark"]) == 1
    assert seen == [("ValueError('unforeseen')", signal.default_int_handler)]
    assert "ValueError: unforeseen" in capsys.readouterr().err
    run = database.runs.find_one()
    assert (run["status"], run["meta"]["comment"]) == ("FAILED", "a remark")
    assert run_commandline(failing, ["X", "-D", "with", "error=input"]) == 1
    assert run_commandline(failing, ["X"]) == 1
    assert len(seen) == 1


def test_debug_stores_nothing_and_shows_every_traceback(failing, database, capsys):
    assert run_commandline(failing, ["X", "-d", "with", "error=input"]) == 1
    said = capsys.readouterr().err
    assert "Traceback" in said and "in main" in said and "InputError: foreseen" in said
    assert database.runs.count_documents({}) == 0
    assert run_commandline(failing, ["X", "with", "error=input"]) == 1
    assert capsys.readouterr().err.splitlines()[-1] == "error: foreseen"


def test_a_run_that_never_began_has_no_last_line(failing, database, capsys):
    database.create_collection("runs", validator={"never": {"$exists": True}})
    assert run_commandline(failing, ["X"]) == 1
    captured = capsys.readouterr()
    assert "error: the run cannot be stored in database" in captured.err
    assert "None" not in captured.out
