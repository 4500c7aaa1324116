"""Networks that are compared each with itself: workers see what this process sees."""

import pytest
import torch
from safetensors.torch import save

from replearn.errors import InputError
from replearn.runs.query import find_runs
from replearn.study.comparison import common_probe
from replearn.study.representations import Source
from replearn.sweep.similarity_parts import compare_separately

MODEL = {"name": "predictor", "encoder": "murphy"}
LAYERS = ["encoder.0", "encoder.2"]
CONFIG = {
    "cluster": None, "cluster_options": {}, "measures": ["cka_debiased"], "standard_errors": False,
    "precision": "float64", "device": "cpu", "pooling": "flatten", "latent": "mean",
    "progress": False,
}  # fmt: skip


@pytest.fixture
def store(store_run, database, tmp_path, monkeypatch):
    """Store a run on digits with random weights at two steps, and give it back."""
    from replearn.runs.rebuild import make_model

    monkeypatch.setenv("REPLEARN_HOME", str(tmp_path))

    def one(seed, **dataset):
        weights = {}
        for step in (0, 20):
            torch.manual_seed(seed + step)
            net = make_model(MODEL, (1, 8, 8), n_outputs=10)
            weights[f"step-{step:08d}.safetensors"] = save(net.state_dict())
        section = {"name": "digits", "validation": 0.1, "split_seed": 0, **dataset}
        run_id = store_run(
            {"seed": seed, "model": MODEL, "dataset": section, "target": "labels"},
            artifacts=weights, info={"image_shape": [1, 8, 8], "n_outputs": 10},
        )  # fmt: skip
        return find_runs({"id": run_id}, database).one()

    return one


def parts_of(runs):
    return [[Source(run, step)] for run in runs for step in (0, 20)]


def values(parts):
    return [found.values["cka_debiased"][0, 1] for _, found in parts]


def test_workers_see_the_images_that_all_runs_share(store):
    """Where only some runs were trained with a shortcut, no image is marked, whoever computes."""
    runs = [store(0, shortcut=0.5), store(1)]
    probe = common_probe(runs, 60)
    assert not probe.marked and common_probe(runs[:1], 60).marked
    here = values(compare_separately(CONFIG, parts_of(runs), LAYERS, probe))
    there = values(
        compare_separately({**CONFIG, "cluster": "inline"}, parts_of(runs), LAYERS, probe)
    )
    assert len(here) == 4 and there == pytest.approx(here, abs=1e-12)


def test_a_worker_with_other_images_is_refused(store):
    runs = [store(0), store(1)]
    probe = common_probe(runs, 60)
    other = type(probe)(probe.data, probe.indices + 1)
    with pytest.raises(InputError, match="a worker has other images than this process .run 1."):
        compare_separately({**CONFIG, "cluster": "inline"}, parts_of(runs), LAYERS, other)


@pytest.mark.parametrize("cluster", [None, "inline"])
def test_what_is_known_and_the_time_of_all_are_told_once(store, capsys, cluster):
    runs = [store(0), store(1)]
    probe, config = common_probe(runs, 60), {**CONFIG, "cluster": cluster}
    compare_separately(config, parts_of(runs[:1]), LAYERS, probe)
    said = capsys.readouterr().out.splitlines()
    # Each of two networks has two layers: three pairs, of a layer with itself among them.
    assert said[0].startswith("2 networks, the first: 3 pairs: 0 known, 3 to compute; estimated ti")
    assert said[0].endswith(" of one process") == (cluster is not None)
    assert said[1].startswith("6 pairs: 0 known, 6 computed; compared in ") and len(said) == 2
    compare_separately(config, parts_of(runs), LAYERS, probe)
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("2 networks, the first: 3 pairs: 0 known, 3 to compute; estimated ti")
    assert said[1].startswith("12 pairs: 6 known, 6 computed; compared in ") and len(said) == 2
    compare_separately(config, parts_of(runs), LAYERS, probe)
    (said,) = capsys.readouterr().out.splitlines()
    assert said.startswith("12 pairs: 12 known, 0 computed; compared in ")
