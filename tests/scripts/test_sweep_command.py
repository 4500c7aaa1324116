"""`python -m sweep`: plans, sentences, and whole sweeps of tiny runs."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

import sweep as command
from experiments import unsupervised
from replearn.runs.claims import claim, claim_key
from replearn.runs.config import config_hash
from replearn.runs.query import find_runs
from replearn.runs.resolving import resolve_words
from replearn.runs.sweeps import load_sweep, store_sweep

SCRIPTS = Path(__file__).parents[2] / "scripts"
TINY = [
    "dataset.digits", "dataset.size=32", "model.burgess", "training.steps=2",
    "training.n_validation=64", "training.optimizer.name=sgd",
]  # fmt: skip
MODULE = "experiments.unsupervised"


@pytest.fixture
def python_sweep(database, tmp_path, monkeypatch, capsys):
    """Run a command in this process; return its exit code, output and errors."""
    monkeypatch.setenv("REPLEARN_HOME", str(tmp_path))

    def run(*argv: str) -> tuple[int, str, str]:
        code = command.main(argv)
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def finish(store_run):
    """Store a finished run of the tiny configuration with further words."""

    def store(*words: str, seconds: int = 30) -> int:
        config = resolve_words(unsupervised.ex, [*TINY, *words])
        return store_run(config, identity={"config_hash": config_hash(config), "code": "c"})

    return store


def test_a_dry_run_prints_the_plan_and_stores_nothing(python_sweep, finish, database):
    done = finish("seed=1")
    code, out, _ = python_sweep(
        "--dry-run", "--workers", "2", MODULE, "with", *TINY, "seed=0,1,2,2", "device=cpu"
    )
    assert code == 0
    assert out.splitlines() == [
        f"{MODULE}: seed (4) = 4 points",
        "1 of them are spelt otherwise only: 3 configurations",
        f"finished         1  run {done}",
        "missing          2",
        "2 to run on local, 2 at once; estimated time: 30 s",
        *(
            f"python -m {MODULE} with {' '.join(TINY)} seed={seed} device=cpu"
            for seed in (0, 2)
        ),
    ]  # fmt: skip
    assert database.sweeps.count_documents({}) == 0


@pytest.mark.parametrize(
    ("options", "n_cpu", "how"),
    [
        ("--workers 4 --gpus 2", 0, "local, 2 at once; estimated time: 2 min"),
        ("--workers 4 --gpus 2", 6, "local, 4 at once; estimated time: 45 s"),
        ("--workers 3 --gpus 2", 2, "local, 3 at once; estimated time: 60 s"),
        ("--workers 3 --gpus 2", 4, "local, 3 at once; estimated time: 2 min"),
        ("--workers 9", 3, "local, 6 at once; estimated time: 30 s"),
        ("--cluster inline", 0, "inline; estimated time: 3 min"),
    ],
)
def test_how_many_run_at_once(python_sweep, finish, monkeypatch, tmp_path, options, n_cpu, how):
    finish("seed=9")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    path = tmp_path / "grid.yaml"
    devices = ["cpu"] * n_cpu + ["auto"] * (6 - n_cpu)
    path.write_text(f"zip: [{{seed: [0, 1, 2, 3, 4, 5], device: {devices}}}]")
    typed = ["--dry-run", *options.split(), "--file", str(path), MODULE, "with", *TINY]
    assert f"6 to run on {how}\n" in python_sweep(*typed)[1]


def test_nobody_knows_how_many_run_at_an_address(python_sweep, finish):
    finish("seed=9")
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        typed = ["--dry-run", "--cluster", address, MODULE, "with", *TINY, "seed=0,1"]
        _, out, _ = python_sweep(*typed)
    assert f"2 to run on {address}; estimated time: unknown\n" in out


def test_what_is_finished_is_not_run(python_sweep, finish, database):
    first, second = finish("seed=0"), finish("seed=1")
    code, out, _ = python_sweep("--cluster", "inline", MODULE, "with", *TINY, "seed=0,1")
    assert code == 0
    assert out.splitlines()[-1] == f"2 of 2 finished: runs {first}-{second}"
    assert database.sweeps.count_documents({}) == 0


def test_the_ids_of_finished_runs_go_to_a_file(python_sweep, finish, tmp_path):
    ids = [finish("seed=0"), finish("seed=1")]
    path = tmp_path / "ids"
    words = ["--cluster", "inline", "--ids", str(path), MODULE, "with", *TINY]
    assert python_sweep(*words, "seed=1,0")[0] == 0
    assert path.read_text() == "".join(f"{run_id}\n" for run_id in ids)


def test_code_same_counts_only_runs_of_this_code(python_sweep, finish):
    finish("seed=0")
    _, out, _ = python_sweep("--code", "same", "--dry-run", MODULE, "with", *TINY, "seed=0")
    assert "missing          1" in out and "finished" not in out


def test_a_file_gives_the_experiment_and_the_grid(python_sweep, tmp_path):
    path = tmp_path / "grid.yaml"
    path.write_text(f"experiment: {MODULE}\nwith: [fast]\naxes: {{seed: [0, 1]}}")
    code, out, _ = python_sweep("--dry-run", "--file", str(path))
    assert code == 0 and out.startswith(f"{MODULE}: seed (2) = 2 points")
    _, out, _ = python_sweep("--dry-run", "--file", str(path), "with", "model.kim,burgess")
    assert out.startswith(f"{MODULE}: seed (2) x model (2) = 4 points")
    code, _, err = python_sweep("--file", str(path), "analysis.summary")
    assert code == 1 and f"is a grid of {MODULE}, not of analysis.summary; name one" in err


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["experiments.unsupervise", "with", "fast"], "no experiment 'experiments.unsupervise'; "),
        (["cancl"], "there is no experiment 'cancl'; did you mean 'cancel'?"),
        (["statu", "a1b2c3"], "there is no experiment 'statu'; did you mean 'status'?"),
        (["os.path", "with", "fast"], "there is no experiment 'os.path'; choose from analysis.c"),
        (["with", "seed=0"], "expected an experiment: experiments.composition, "),
        ([MODULE], "the grid is empty: expected words such as dataset.mnist seed=0,1,2"),
        ([MODULE, "seed=0"], "expected 'with' before the words of the grid, got 'seed=0'"),
        ([MODULE, "with", "sed=0,1"], "unknown config key 'sed'; did you mean 'seed'"),
        ([MODULE, "with", "seed=0", "--dry-run"], "'--dry-run' stands after 'with', where"),
        (["--cluster", "slrm", MODULE, "with", "fast"], "no cluster 'slrm'; did you mean 'slurm'"),
        (["--workers", "0", MODULE, "with", "fast"], "workers must be at least 1, got 0"),
        (["--workers", "two", MODULE, "with", "fast"], "argument --workers: invalid int value"),
        (["--wrkers", "2", MODULE, "with", "fast"], "unrecognized arguments: --wrkers"),
        (["--code", "some", MODULE, "with", "fast"], "argument --code: invalid choice: 'some'"),
        (["--ids", "/no/ids", MODULE, "with", "fast"], "--ids /no/ids: there is no folder /no; "),
        (["--file", "none.yaml"], "the grid none.yaml cannot be read: No such file"),
        (["status"], "has no sweep yet"),
        (["cancel", "with", "seed=0"], "'cancel' takes the id of a sweep, not a grid"),
    ],
)
def test_what_cannot_be_is_one_sentence(python_sweep, database, argv, sentence):
    code, out, err = python_sweep(*argv)
    assert code == 1 and out == ""
    assert err.startswith("python -m sweep: ") and sentence in err and err.count("\n") == 1
    assert database.sweeps.count_documents({}) == 0


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("slurm --interface lo --walltime 00:02:00", "less than the 120 s between two resume stat"),
        ("slurm --interface lo --memory lots", "memory must look like 8GB or 500MB, got 'lots'"),
        ("slurm --interface lo --walltime 4h", "walltime must look like 04:00:00 or 2-12:00:00"),
        ("slurm --interface l0", "this machine has no network interface 'l0'; did you mean 'lo'"),
        ("slurm", "the nodes of a queue cannot reach a database on the loopback: name a server"),
        ("pbs --interface lo --gres gpu:1", "gres is a word of slurm, not of pbs"),
        ("pbs --interface lo", "there is no command 'qsub' on this machine"),
        ("tcp://127.0.0.1:9", "no Dask scheduler answers at tcp://127.0.0.1:9"),
        ("tcp://scheduler", "looks like tcp://HOST:8786, got 'tcp://scheduler'"),
        ("local --gpus 65", "gpus=65, but this machine shows "),
    ],
)
def test_a_cluster_that_cannot_work_costs_nothing(python_sweep, database, options, sentence):
    for dry in ([], ["--dry-run"]):
        code, out, err = python_sweep(*dry, "--cluster", *options.split(), MODULE, "with", *TINY)
        assert code == 1 and out == "" and sentence in err and err.count("\n") == 1
    assert database.sweeps.count_documents({}) == database.runs.count_documents({}) == 0


def test_a_missing_dask_is_said(python_sweep, monkeypatch):
    monkeypatch.setattr(command, "find_spec", lambda name: None)
    code, _, err = python_sweep(MODULE, "with", "fast")
    assert code == 1 and "--cluster local needs Dask; install replearn with its extra" in err
    assert python_sweep("--dry-run", "--cluster", "inline", MODULE, "with", "fast")[0] == 0


def test_status_and_cancel_of_a_stored_sweep(python_sweep, finish, database):
    hashes = [config_hash(resolve_words(unsupervised.ex, [*TINY, f"seed={i}"])) for i in (0, 1)]
    points = [
        {"config_hash": key, "words": [*TINY, f"seed={i}"]} for i, key in enumerate(hashes)
    ]  # fmt: skip
    options = {"cluster": "local"}
    sweep = store_sweep(database, "unsupervised", MODULE, ["seed=0,1"], points, options)
    run_id = finish("seed=0")
    code, out, _ = python_sweep("status")
    assert code == 1
    lines = out.splitlines()
    assert lines[0].startswith(f"sweep {sweep} of ")
    assert lines[0].endswith(f" UTC on local: {MODULE}, 2 points")
    assert lines[1:] == [f"finished         1  run {run_id}", "missing          1"]
    finish("seed=1")
    assert python_sweep("status", sweep)[0] == 0
    code, out, _ = python_sweep("cancel", sweep)
    assert code == 0 and "nothing of it is running, and nothing more of it will start" in out
    assert load_sweep(database, sweep)["cancelled"]
    assert "it was cancelled before" in python_sweep("cancel")[1]
    code, _, err = python_sweep("status", "zzz")
    assert code == 1 and "has no sweep 'zzz'; choose from" in err


def test_cancel_of_a_sweep_that_runs(python_sweep, database):
    key = config_hash(resolve_words(unsupervised.ex, TINY))
    points = [{"config_hash": key, "words": TINY}]
    given = ("unsupervised", MODULE, [], points, {"cluster": "local"})
    first, second = store_sweep(database, *given), store_sweep(database, *given)
    claim(database, claim_key("unsupervised", key), "host:1", sweep=first)
    assert "nothing of it is running" in python_sweep("cancel", second)[1]
    assert "its runs store what they have, and end" in python_sweep("cancel", first)[1]


@pytest.mark.slow
def test_a_sweep_runs_what_is_missing_says_what_failed_and_does_nothing_twice(
    python_sweep, database, tmp_path
):
    grid = ["--cluster", "inline", MODULE, "with", *TINY, "training.optimizer.params.lr=1e-5,1e9"]
    code, out, _ = python_sweep(*grid)
    lines = out.splitlines()
    sweep = load_sweep(database)["_id"]
    assert code == 1
    assert lines[3] == f"sweep {sweep}: python -m sweep status|cancel|retry {sweep}"
    failed = "training.optimizer.params.lr=1e9: the loss was not finite in the 2 steps before"
    assert any(line.startswith(f"failed: {failed}") for line in lines)
    assert lines[-1] == "1 of 2 finished: run 1"
    assert find_runs({}, database).ids == [1]
    assert (tmp_path / "sims" / database.name / "sweeps" / sweep / "1.log").exists()

    # In a process of its own, since this one has imported the experiment from another folder.
    again = subprocess.run(
        [sys.executable, "-m", "sweep", *grid], cwd=SCRIPTS, capture_output=True, text=True
    )
    assert again.returncode == 1, again.stderr
    assert "1 not tried again but by 'python -m sweep retry'" in again.stdout
    assert database.runs.count_documents({}) == 2
    assert database.sweeps.count_documents({}) == 1

    code, out, _ = python_sweep("retry")
    assert code == 1 and "2 points" in out
    assert database.runs.count_documents({"status": "FAILED"}) == 2
    assert database.runs.count_documents({"status": "COMPLETED"}) == 1
