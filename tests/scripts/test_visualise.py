"""Pictures end to end: stored networks, one command, to numbers, figures and a table."""

import io
import re

import numpy as np
import pandas
import pytest
import torch
from safetensors.torch import save

from analysis import visualise
from replearn.analysis.similarity import compare
from replearn.runs.commandline import run_commandline
from replearn.runs.query import find_runs, load_run
from replearn.study.probes import probe_of

pytestmark = pytest.mark.slow
MODEL = {"name": "vae", "encoder": "burgess", "decoder": "burgess", "latent_size": 3}
DATA = {"name": "circles", "validation": 0.1, "split_seed": 0, "download": False}
STEPS = (0, 10, 100)
ASKED = ["where.experiment=unsupervised", "n_probe=40", "progress=False"]
LAYERS = "layers=[encoder.4,mean,decoder.1]"


@pytest.fixture
def study(database, store_run, tmp_path, monkeypatch):
    """Two groups of two seeds: untrained networks stand for those of each step."""
    from replearn.runs.rebuild import make_model

    monkeypatch.setenv("REPLEARN_HOME", str(tmp_path))
    for beta in (1, 4):
        for seed in (0, 1):
            weights = {}
            for step in STEPS:
                torch.manual_seed(seed if step == 0 else 1000 * beta + 10 * step + seed)
                net = make_model(MODEL, (3, 64, 64))
                weights[f"step-{step:08d}.safetensors"] = save(net.state_dict())
            store_run(
                {
                    "seed": seed, "model": MODEL, "dataset": DATA,
                    "training": {"loss": {"name": "beta_vae", "params": {"beta": beta}}},
                },
                artifacts=weights,
                info={"image_shape": [3, 64, 64], "dataset": {"is_twin": True, "name": "circles"}},
                identity={"data": "spriteworld-twin 1", "group_hash": f"beta {beta}"},
            )  # fmt: skip
    return database


def draw(study, *updates):
    """Draw a picture; the newest run, which is that of the picture."""
    assert run_commandline(visualise.ex, ["X", "with", *ASKED, *updates]) == 0
    return find_runs({"experiment": "analysis.visualise"}, study)[-1]


def table(run):
    return pandas.read_csv(io.StringIO(run.read("similarity.csv").decode()))


def means_of(study, *networks):
    """The means of stored networks (run, step) on the images of the comparison, by network."""
    run = load_run(networks[0][0], study)
    (images,) = probe_of(run.config["dataset"], run.dataset(), 40).batches()
    with torch.no_grad():
        return {(i, step): load_run(i, study).model(step).encode(images)[0] for i, step in networks}


def test_a_heat_map_of_steps_with_the_last_is_a_mean_over_networks_of_other_starts(study):
    run = draw(
        study, "tool=heatmap", "steps=[0,10]", "columns.step=last", "layers=[mean,encoder.4]"
    )
    arrays = run.load("heatmap_cka_debiased.npz")
    assert arrays["rows"].tolist() == ["step 0", "step 10"]
    assert arrays["columns"].tolist() == ["step 100"] * 2
    # Runs 1 and 3 have seed 0, 2 and 4 seed 1, and networks of one seed began alike.
    pairs = [(a, b) for a in (1, 2, 3, 4) for b in (1, 2, 3, 4) if a % 2 != b % 2]
    means = means_of(study, *((i, step) for i in (1, 2, 3, 4) for step in (10, 100)))
    expected = [compare(means[a, 10], means[b, 100]) for a, b in pairs]
    assert arrays["mean"][1, 0, 0] == pytest.approx(np.mean(expected), abs=1e-5)
    assert arrays["pairs"].tolist() == [8, 8]
    assert run.read("heatmap_cka_debiased.pdf").startswith(b"%PDF")
    assert run.info["source_runs"] == [1, 2, 3, 4]
    shown = table(run).query("layer_x == 'mean' and layer_y == 'mean'")
    assert set(shown["group_x"]) == {"beta=1", "beta=4"} and set(shown["n"]) == {40}
    assert len(shown) == 2 * 8 and {
        tuple(sorted(steps)) for steps in zip(shown["step_x"], shown["step_y"], strict=True)
    } == {(0, 100), (10, 100)}


def test_lines_are_of_the_same_network_and_z_is_sampled(study):
    run = draw(study, "tool=layer_pair")
    arrays = run.load("layer_pair_cka_debiased.npz")
    assert arrays["beta=1/steps"].tolist() == [0, 10, 100]
    assert arrays["beta=1/values"].shape == (2, 3)
    assert (arrays["beta=1/values"] < 0.99).all(), "the mean is not compared with itself"
    pairs = table(run)
    assert len(pairs) == 4 * 3 and (pairs["run_x"] == pairs["run_y"]).all()
    run = draw(study, "tool=layer_list", "layer=input", "against=encoder,mean",
               "where.training.loss.params.beta=4", "show=excess")  # fmt: skip
    arrays = run.load("layer_list_cka_debiased_excess.npz")
    names = {name.partition("/")[0] for name in arrays}
    assert {"encoder.0", "mean"} < names and "input" not in names
    assert arrays["mean/values"][:, 0].tolist() == [0, 0], "the untrained network less itself"


def test_points_are_networks_or_their_layers(study):
    run = draw(study, "tool=tsne", "steps=all", LAYERS, "colour=seed")
    arrays = run.load("tsne_cka_debiased.npz")
    assert arrays["vectors"].shape == (12, 3) and run.result == {"cka_debiased_points": 12}
    assert arrays["step"].tolist() == [0, 10, 100] * 4
    run = draw(study, "tool=mds", LAYERS, "measures=procrustes_angular", "colour=layer")
    distances = run.load("mds_procrustes_angular.npz")["distances"]
    means = means_of(study, (1, 100), (2, 100)).values()
    at = run.load("mds_procrustes_angular.npz")["labels"].tolist()
    places = at.index("1/100/mean"), at.index("2/100/mean")
    assert distances[places] == pytest.approx(compare(*means, "procrustes_angular"), abs=1e-4)


def test_a_tree_has_each_layer_and_the_factors_once(study):
    run = draw(study, "tool=dendrogram", "layers=[encoder.4,mean,factors]", "colour=layer")
    labels = run.load("dendrogram_cka_debiased.npz")["labels"].tolist()
    assert len(labels) == 4 * 2 + 1 and labels.count("1/100/factors") == 1


def test_workers_of_a_cluster_compare_the_same(study):
    asked = ["tool=tsne", "steps=[10,100]", LAYERS]
    one = draw(study, *asked)
    other = draw(study, *asked, "cluster=inline")
    assert one.identity["config_hash"] == other.identity["config_hash"]
    np.testing.assert_allclose(
        one.load("tsne_cka_debiased.npz")["vectors"],
        other.load("tsne_cka_debiased.npz")["vectors"],
        rtol=0, atol=1e-12,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("updates", "sentence"),
    [
        (["tool=heatmpa"], "there is no tool='heatmpa'; did you mean 'heatmap'"),
        (["tool=tsne", LAYERS], "t-SNE needs at least 7 points, got 4; ask for more runs"),
        (["tool=mds", LAYERS, "measures=cca_mean"], "cca_mean is no metric"),
        (["tool=layer_pair", "layer_pair=[mean,zz]"], "the models have no layer 'zz'"),
        (["rows.training.loss.params.bta=1"], "bta.*is a path of no run"),
        (["rows.step=7"], "has no verified weights of step 7; it has those of steps 0, 10, 100"),
        (["where.seed=7"], "no COMPLETED run"),
        (["tool=tsne", "steps=all", LAYERS, "colour=bta"], "'bta' is a path of no run"),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_no_files(study, capsys, updates, sentence):
    from replearn.paths import results_folder

    assert run_commandline(visualise.ex, ["X", "with", *ASKED, *updates]) == 1
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    assert re.search(sentence, lines[0])
    assert not list(results_folder().glob("*/visualise/*"))
