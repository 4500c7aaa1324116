"""Dimensions of the layers of runs, from weights in a database to tables and figures."""

import io

import numpy as np
import pandas
import pytest
import torch
from safetensors.torch import save

from analysis import dimension as analysis
from replearn.analysis.dimension import dimensions
from replearn.analysis.latent_kinds import latent_report
from replearn.errors import InputError
from replearn.models.autoencoder import sample
from replearn.runs.commandline import run_commandline
from replearn.runs.query import find_runs, load_run
from replearn.runs.rebuild import make_model
from replearn.study.comparison import choose_steps, common_probe
from replearn.study.dimensions import (
    LATENT_COLUMNS,
    LAYER_COLUMNS,
    by_group,
    measure,
    nothing_known,
)

MODEL = {"name": "vae", "encoder": "burgess", "decoder": "burgess", "latent_size": 3}
LAYERS = ["encoder.0.0", "mean", "logvar", "z", "decoder.0"]


@pytest.fixture
def train(store_run, database):
    """Store runs of untrained VAEs on circles: three seeds of β = 1, one of β = 4."""

    def store(seed, beta=1, collapsed=False, steps=(0, 20)):
        torch.manual_seed(10 * beta + seed)
        weights = make_model(MODEL, (3, 64, 64)).state_dict()
        if collapsed:
            head = next(name for name in reversed(weights) if name.startswith("encoder"))
            head = head.rpartition(".")[0]
            weights[f"{head}.weight"][:] = 0
            weights[f"{head}.bias"][:] = 0
        section = {"name": "circles", "validation": 0.1, "split_seed": 0, "download": False}
        return store_run(
            {"seed": seed, "beta": beta, "model": MODEL, "dataset": section},
            artifacts={f"step-{step:08d}.safetensors": save(weights) for step in steps},
            info={"image_shape": [3, 64, 64]},
            identity={"data": "spriteworld-twin 1", "group_hash": f"hash of {beta}"},
        )

    return store


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A folder of its own for results and cache."""
    monkeypatch.setenv("REPLEARN_HOME", str(tmp_path))


def sources(*ids, steps="last"):
    return choose_steps([load_run(i) for i in ids], steps)


@pytest.mark.slow
def test_a_row_is_the_dimension_of_the_activations(train, home):
    run = load_run(train(0))
    probe = common_probe([run], 100)
    layers, latents = measure(sources(1), LAYERS, probe, neighbours=7)
    with torch.no_grad():
        images = torch.cat(list(probe.batches()))
        output = run.model()(images)
        first = run.model().encoder[0][0](images)
    rows = layers.set_index("layer")
    assert list(rows.index) == LAYERS
    for layer, x in (("mean", output.mean), ("encoder.0.0", first.flatten(1))):
        wanted, row = dimensions(x, k=7), rows.loc[layer]
        assert [row.mle, row.two_nn, row.effective_rank] == pytest.approx(
            [wanted.mle.value, wanted.two_nn.value, wanted.effective_rank], rel=1e-3
        )
        assert [row.mle_error, row.two_nn_error] == pytest.approx(
            [wanted.mle.error, wanted.two_nn.error], rel=1e-2
        )
        assert row.variance == pytest.approx(wanted.variance, rel=1e-4)
        assert row.n == wanted.mle.n
    # z is sampled: with the noise of seed 0, that all networks share.
    z = sample(output.mean, output.logvar, torch.Generator().manual_seed(0))
    report = latent_report(output.mean, output.logvar, z, k=7)
    (row,) = latents.itertuples()
    assert (row.active, row.mixed, row.passive) == tuple(
        report.count(kind) for kind in ("active", "mixed", "passive")
    )
    assert [row.cka, row.cka_error] == pytest.approx([report.cka, report.cka_error], rel=1e-3)
    assert row.mle_sampled == pytest.approx(rows.loc["z"].mle, rel=1e-9)
    assert row.difference == pytest.approx(row.mle_sampled - rows.loc["mean"].mle, rel=1e-9)


@pytest.mark.slow
def test_a_collapsed_network_has_no_numbers_where_others_have(train, home):
    train(0), train(1, collapsed=True)
    probe = common_probe([load_run(1)], 60)
    layers, latents = measure(sources(1, 2), ["mean", "z"], probe, neighbours=5)
    assert nothing_known(layers) == ["2/20/mean"]
    collapsed = latents[latents.run == 2].iloc[0]
    assert collapsed.passive == 3 and np.isnan(collapsed.cka) and np.isnan(collapsed.difference)
    # Three latents of noise.
    assert collapsed.mle_sampled == pytest.approx(3, abs=1)
    with pytest.raises(InputError, match="60 images have no 60 neighbours: expected more images"):
        measure(sources(1), ["mean"], probe, neighbours=60)


def test_rows_are_parted_by_group_and_laid_out_by_run():
    table = pandas.DataFrame(
        [(1, "a", 0, 5.0), (1, "a", 9, 6.0), (4, "a", 9, 7.0), (2, "b", 0, 8.0)],
        columns=["run", "group", "step", "mle"],
    )
    found = by_group(table, "step", "mle", [0, 9])
    assert list(found) == ["a", "b"]
    np.testing.assert_array_equal(found["a"], [[5, 6], [np.nan, 7]])
    np.testing.assert_array_equal(found["b"], [[8, np.nan]])


@pytest.mark.slow
def test_the_analysis_leaves_tables_and_figures(train, home, database, capsys):
    ids = [train(seed) for seed in range(3)] + [train(0, beta=4)]
    asked = ["steps=all", "layers=[encoder.0.0,mean,z]", "fast", "progress=False"]
    assert run_commandline(analysis.ex, ["X", "with", f"where.id={ids}", *asked]) == 0
    assert "4 runs, 24 representations" in capsys.readouterr().out
    run = find_runs({"experiment": "analysis.dimension"}, database).one()
    assert run.info["source_runs"] == ids
    layers = pandas.read_csv(io.BytesIO(run.read("dimension.csv")))
    latents = pandas.read_csv(io.BytesIO(run.read("latents.csv")))
    assert list(layers) == list(LAYER_COLUMNS) and list(latents) == list(LATENT_COLUMNS)
    assert len(layers) == 24 and len(latents) == 8
    assert layers.group.unique().tolist() == ["beta=1", "beta=4"]
    # The weights of the two steps are the same: so are the numbers.
    first, last = (layers[layers.step == step].mle.tolist() for step in (0, 20))
    assert first == last
    for name in ("mle_layers", "two_nn_layers", "effective_rank_layers", "mean_sampled_steps",
                 "cka_mean_sampled_steps"):  # fmt: skip
        assert run.read(f"{name}.png").startswith(b"\x89PNG")
    group = latents[(latents.group == "beta=1") & (latents.step == 20)]
    latex = run.read("dimension.tex").decode()
    assert f"${group.mle_sampled.mean():.1f} \\pm" in latex
    assert "% source runs: 1, 2, 3, 4" in latex and "beta=4" in latex
    assert run.result["representations"] == 24
    assert run.result["mle_mean"] == pytest.approx(latents[latents.step == 20].mle_mean.mean())


@pytest.mark.slow
def test_networks_without_latents_have_the_dimensions_of_their_layers(store_run, home, database):
    model = {"name": "predictor", "encoder": "burgess"}
    weights = make_model(model, (3, 64, 64), n_outputs=4).state_dict()
    store_run(
        {"model": model, "dataset": {"name": "circles", "validation": 0.1, "split_seed": 0}},
        artifacts={"step-00000005.safetensors": save(weights)},
        info={"image_shape": [3, 64, 64], "n_outputs": 4},
        identity={"data": "spriteworld-twin 1"},
    )
    asked = ["layers=[encoder.0.0,logits]", "fast", "progress=False"]
    assert run_commandline(analysis.ex, ["X", "with", *asked]) == 0
    run = find_runs({"experiment": "analysis.dimension"}, database).one()
    assert run.result == {"runs": 1, "representations": 2}
    assert "latents.csv" not in run.artifacts and "mean_sampled_steps.png" not in run.artifacts
    layers = pandas.read_csv(io.BytesIO(run.read("dimension.csv"))).set_index("layer")
    latex = run.read("dimension.tex").decode()
    assert "& MLE of logits &" in latex
    assert f"${layers.mle['logits']:.1f}$" in latex
