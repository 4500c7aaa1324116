"""Experiments start without the packages that only analyses and notebooks need."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"
HEAVY = {"matplotlib", "pandas", "sklearn", "lightgbm", "h5py", "incense"}
EXPERIMENTS = sorted(
    f"experiments.{path.stem}"
    for path in (SCRIPTS / "experiments").glob("*.py")
    if path.stem != "__init__"
)


def modules_after(statement: str) -> set[str]:
    """The top-level names of sys.modules after a statement in a new Python."""
    code = f"{statement}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=SCRIPTS, capture_output=True, text=True, check=True
    )
    return {module.split(".")[0] for module in json.loads(done.stdout.splitlines()[-1])}


def test_there_are_experiments():
    assert {"experiments.unsupervised", "experiments.supervised"} <= set(EXPERIMENTS)


@pytest.mark.slow
@pytest.mark.parametrize("module", EXPERIMENTS)
def test_an_experiment_imports_nothing_that_only_analyses_need(module):
    loaded = modules_after(f"import {module}")
    assert {"torch", "sacred", "ignite"} <= loaded
    assert loaded & HEAVY == set()


@pytest.mark.slow
def test_pandas_is_hidden_from_sacred_alone():
    loaded = modules_after("import experiments, sacred\nassert not sacred.optional.has_pandas")
    assert "sacred" in loaded and "pandas" not in loaded
    assert "pandas" in modules_after("import experiments, pandas\npandas.DataFrame({'a': [1]})")


def test_the_library_imports_nothing_by_itself():
    assert modules_after("import replearn") & {"torch", "numpy", "sacred", *HEAVY} == set()


def test_commands_about_runs_and_sweeps_start_without_torch():
    loaded = modules_after("import runs, sweep, replearn.runs.query, replearn.runs.config")
    assert loaded & {"torch", "sacred", "ignite", "distributed", *HEAVY} == set()
