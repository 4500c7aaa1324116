"""Comparisons of stored networks of digits, by command: what is compared, said and refused."""

import io

import pandas
import pytest
import torch
from safetensors.torch import save

from analysis import groups, similarity, visualise
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


@pytest.mark.parametrize(
    ("module", "updates", "sentence"),
    [
        (similarity, ["measures=cka_debised"], "unknown measure 'cka_debised'; did you mean"),
        (similarity, ["measures=jaccard:k=2.5"], "k of jaccard must be a whole number, got 2.5"),
        (similarity, ["layers=[]"], "layers=[] names nothing to compare"),
        (similarity, ["steps=0,frst"], "steps must be last, all, or a list of steps, got '0,frst'"),
        (similarity, ["standard_errors=True", "pooling=positions"],
         "standard errors take the rows for independent inputs"),
        (visualise, ["measures=cka_debised"], "unknown measure 'cka_debised'; did you mean"),
        (visualise, ["steps=0.5"], "steps must be last, all, or a list of steps, got 0.5"),
        (visualise, ["columns.step=frst"], "steps must be last, all, or a list of steps"),
        (visualise, ["show=z", "pooling=positions"], "show=z takes the rows for independent"),
        (visualise, ["show=error", "pooling=positions"], "standard errors take the rows for"),
        (groups, ["measures=cka_debised"], "unknown measure 'cka_debised'; did you mean"),
        (groups, ["measures=jsd"], "jsd compares outputs, and groups are tested by activations"),
        (groups, ["outputs=jds"], "unknown measure of outputs 'jds'; did you mean 'jsd'"),
        (groups, ["correlation=tau"], "unknown correlation 'tau'"),
        (groups, ["permutations=0"], "permutations must be a whole number of at least 1"),
        (groups, ["pooling=position"], "unknown pooling 'position'"),
    ],
)  # fmt: skip
def test_bad_words_are_refused_before_there_is_a_run(
    store, database, capsys, module, updates, sentence
):
    # Of two architectures, which is a sentence of its own, but only once runs are looked at.
    store(0), store(1, model={"name": "predictor", "encoder": "higgins"})
    assert do(module, "where.experiment=supervised", *updates) == 1
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1 and sentence in lines[0]
    assert database.runs.count_documents({}) == 2
