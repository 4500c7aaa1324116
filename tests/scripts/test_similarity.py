"""Comparisons of stored networks of digits, by command: what is compared, said and refused."""

import io

import pandas
import pytest
import torch
from safetensors.torch import save

from analysis import similarity, visualise
from replearn.runs.commandline import run_commandline
from replearn.runs.query import find_runs

MODEL = {"name": "predictor", "encoder": "murphy"}
ASKED = ["where.experiment=supervised", "layers=encoder.2", "measures=cka_debiased",
         "baseline=[]", "progress=False"]  # fmt: skip


@pytest.fixture
def store(store_run, tmp_path, monkeypatch):
    """Store a classifier of digits with random weights of its seed."""
    from replearn.runs.rebuild import make_model

    monkeypatch.setenv("REPLEARN_HOME", str(tmp_path))

    def one(seed, steps=(20,), model=MODEL, **dataset):
        weights = {}
        for step in steps:
            torch.manual_seed(seed + step)
            net = make_model(model, (1, 8, 8), n_outputs=10)
            weights[f"step-{step:08d}.safetensors"] = save(net.state_dict())
        section = {"name": "digits", "validation": 0.1, "split_seed": 0, **dataset}
        return store_run(
            {"seed": seed, "model": model, "dataset": section, "target": "labels",
             "training": {"loss": {"name": "cross_entropy"}}},
            artifacts=weights,
            info={"image_shape": [1, 8, 8], "n_outputs": 10},
            identity={"group_hash": "g", "config_hash": f"seed {seed}"},
            experiment="supervised",
        )  # fmt: skip

    return one


def do(module, *updates):
    return run_commandline(module.ex, ["X", "with", *updates])


def newest(database):
    return find_runs(None, database)[-1]


def table(run):
    return pandas.read_csv(io.BytesIO(run.read("similarity.csv")))


@pytest.mark.slow
def test_a_run_made_twice_is_one_seed(store, database, capsys):
    for seed in (0, 1, 2, 1):
        store(seed)
    assert do(similarity, *ASKED) == 0
    assert "left out: 2, made again later with the same config" in capsys.readouterr().out
    run = newest(database)
    assert run.info["source_runs"] == [1, 3, 4] and run.result["runs"] == 3
    assert len(table(run)) == 3 and table(run)["value"].max() < 0.999


@pytest.mark.slow
@pytest.mark.parametrize("module", [similarity, visualise])
def test_captions_count_the_images_that_there_were(store, database, capsys, module):
    store(0), store(1)
    asked = [word for word in ASKED if module is similarity or not word.startswith("baseline")]
    assert do(module, *asked) == 0
    # Digits are 1,797 images, of which a tenth is held out.
    said = "n_probe=1,000, but digits has 180 held-out images: all of them"
    assert said in capsys.readouterr().out
    report = newest(database).read("report.html").decode()
    assert "180 images" in report and "1000 images" not in report
    assert set(table(newest(database))["n"]) == {180}
    assert do(module, *asked, "n_probe=100") == 0
    assert "held-out images: all" not in capsys.readouterr().out
