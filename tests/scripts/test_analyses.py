"""Analyses end to end: trained runs on a real database, to numbers, figures and tables."""

import io

import numpy as np
import pandas
import pytest
import torch

from analysis import model as model_analysis
from analysis import similarity, summary
from experiments import supervised, unsupervised
from replearn.analysis.similarity import SimilarityResult, compare
from replearn.runs.commandline import run_commandline
from replearn.runs.query import find_runs, load_run
from replearn.study.probes import probe_of

pytestmark = pytest.mark.slow
SMALL = ["dataset.circles", "model.burgess", "training.beta", "fast", "progress=False"]


@pytest.fixture(scope="module")
def study(mongo_server, tmp_path_factory):
    """Two seeds of a tiny study, and everything that analyses of it store."""
    from replearn.runs.database import close_clients, open_database

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MONGO_URL", mongo_server)
        patch.setenv("MONGO_DB", "test_analyses")
        patch.setenv("REPLEARN_HOME", str(tmp_path_factory.mktemp("home of analyses")))
        close_clients()
        database = open_database()
        database.client.drop_database(database.name)
        for seed in (0, 1):
            assert do(unsupervised, *SMALL, f"seed={seed}", "tags=study") == 0
        for run_id in (1, 2):
            assert do(model_analysis, f"run={run_id}", "fast", "progress=False") == 0
        yield database
        database.client.drop_database(database.name)
        close_clients()


def do(module, *updates):
    return run_commandline(module.ex, ["X", "with", *updates])


def test_scores_are_those_of_the_codes_that_are_stored(study):
    run = find_runs({"experiment": "analysis.model", "run": 1}, study).one()
    codes = run.load("codes.npz")
    # By definition: a latent is active if the variance of its mean over images is above 0.01.
    assert run.result["active_latents"] == int((codes["mean"].var(0) > 0.01).sum())
    kl = 0.5 * (codes["mean"] ** 2 + np.exp(codes["logvar"]) - codes["logvar"] - 1)
    assert run.result["kl"] == pytest.approx(kl.sum(1).mean(), rel=1e-9)
    assert codes["importance"].shape == (10, 2)
    assert list(codes["factor_names"]) == ["x", "y"]
    assert {"dci_disentanglement", "dci_completeness", "dci_informativeness"} <= set(run.result)
    assert run.metric("dci_informativeness")[0].tolist() == [20]


def test_codes_are_those_of_the_stored_weights(study):
    trained = load_run(1, study)
    model, data = trained.model(), trained.dataset()
    probe = probe_of(trained.config["dataset"], data, 300)
    with torch.no_grad():
        mean, _ = model.encode(data.batch(probe.indices[:5]))
    codes = find_runs({"experiment": "analysis.model", "run": 1}, study).one().load("codes.npz")
    np.testing.assert_allclose(codes["mean"][:5], mean.numpy(), atol=1e-5)


def test_figures_come_as_pdf_and_png_and_in_a_report(study):
    run = find_runs({"experiment": "analysis.model", "run": 2}, study).one()
    for name in ("reconstructions", "traversals", "latents", "hinton"):
        assert run.read(f"{name}.png").startswith(b"\x89PNG")
        assert run.read(f"{name}.pdf").startswith(b"%PDF")
    report = run.load("report.html")
    assert "run 2" in report and "drawn" in report
    assert run.info["source_runs"] == [2]
    assert run.info["dataset"]["is_twin"]


def test_files_in_results_are_the_artifacts(study):
    from replearn.paths import results_folder

    run = find_runs({"experiment": "analysis.model", "run": 1}, study).one()
    folder = results_folder() / study.name / "model" / str(run.id)
    assert {path.name for path in folder.iterdir()} == set(run.artifacts)
    assert all((folder / name).read_bytes() == run.read(name) for name in run.artifacts)


def test_similarity_is_the_measure_of_the_activations(study):
    where = ["where.experiment=unsupervised", "where.tags=study", "progress=False", "n_probe=64"]
    assert do(similarity, *where, "measures=cka_debiased,procrustes_angular") == 0
    run = find_runs({"experiment": "analysis.similarity"}, study)[-1]
    found = SimilarityResult.from_arrays(run.load("similarity.npz"))
    assert found.n == 64
    # Recompute one number from the models: images -> mean -> measure.
    means = []
    for run_id in (1, 2):
        trained = load_run(run_id, study)
        probe = probe_of(trained.config["dataset"], trained.dataset(), 64)
        with torch.no_grad():
            means.append(trained.model().encode(next(probe.batches()))[0])
    for measure in ("cka_debiased", "procrustes_angular"):
        stored = found.value(measure, "1/20/mean", "2/20/mean")
        assert stored == pytest.approx(compare(*means, measure=measure), abs=1e-4)
    assert found.value("cka_debiased", "1/20/mean", "1/20/mean") == pytest.approx(1)
    assert "1/0/mean" in found.labels  # the untrained network stands beside
    table = pandas.read_csv(io.BytesIO(run.read("similarity.csv")))
    assert len(table) == 2 * len(found.labels) * (len(found.labels) - 1) // 2
    row = table.query(
        "measure == 'cka_debiased' and run_x == 1 and step_x == 20 and layer_x == 'mean' and "
        "run_y == 2 and step_y == 20 and layer_y == 'mean'"
    )
    same = found.value("cka_debiased", "1/20/mean", "2/20/mean")
    assert row["value"].item() == pytest.approx(same, rel=1e-12)
    assert run.info["source_runs"] == [1, 2]


@pytest.mark.parametrize("cluster", ["inline", "local"])
def test_a_cluster_computes_the_same_similarity(study, cluster, capsys):
    measures = "measures=cka_debiased,cka_linear,procrustes_angular"
    asked = ["where.id=[1,2]", "n_probe=64", "layers=[encoder.0.0,mean,factors]", measures]
    assert do(similarity, *asked, "progress=False") == 0
    options = ["cluster_options.workers=2"] if cluster == "local" else []
    assert do(similarity, *asked, "progress=False", f"cluster={cluster}", *options) == 0
    runs = find_runs({"experiment": "analysis.similarity"}, study)[-2:]
    assert runs[0].identity["config_hash"] == runs[1].identity["config_hash"]
    one, other = (SimilarityResult.from_arrays(run.load("similarity.npz")) for run in runs)
    assert (one.labels, one.n, one.warnings) == (other.labels, other.n, other.warnings)
    assert set(one.values) == set(other.values) and set(one.nulls) == set(other.nulls)
    for measure, matrix in one.values.items():
        np.testing.assert_allclose(other.values[measure], matrix, rtol=0, atol=1e-12)
    for measure, matrix in one.nulls.items():
        np.testing.assert_allclose(other.nulls[measure], matrix, rtol=0, atol=1e-12)
    assert do(similarity, *asked, "progress=False", "cluster=locl") == 1
    assert "there is no cluster 'locl'; did you mean 'local'" in capsys.readouterr().err


def test_untrained_networks_are_not_titled_trained(study):
    assert do(similarity, "where.id=[1,2]", "n_probe=64", "steps=0", "layers=[mean,encoder.0.0]",
              "measures=cka_debiased", "progress=False") == 0  # fmt: skip
    run = find_runs({"experiment": "analysis.similarity"}, study)[-1]
    assert run.result["representations"] == 4
    # The networks of step 0 have no baseline but themselves: no excess, no second number.
    assert "cka_debiased_excess.png" not in run.artifacts
    assert "cka_debiased_same_layer_untrained" not in run.result


def test_a_comparison_says_what_it_is_about_to_do_and_does_it_once(study, capsys):
    # Images of its own number: no other test has compared pairs on them.
    asked = ["where.id=[1,2]", "n_probe=63", "measures=cka_linear,cka_debiased", "layers=[all]",
             "steps=all", "baseline=untrained,shuffled", "standard_errors=True",
             "progress=False"]  # fmt: skip
    assert do(similarity, *asked) == 0
    told = capsys.readouterr().out
    run = find_runs({"experiment": "analysis.similarity"}, study)[-1]
    m = len(load_run(1, study).model().layers()) - 1  # z is the mean
    steps = load_run(1, study).checkpoints
    assert steps[0] == 0 and len(steps) > 3  # on a log-spaced grid
    count = 2 * m * len(steps)
    pairs = count * (count + 1) // 2
    assert f"2 runs, {count} representations" in told
    assert f"{pairs:,} pairs: 0 known, {pairs:,} to compute; estimated time: " in told
    assert "compared in " in told
    found = SimilarityResult.from_arrays(run.load("similarity.npz"))
    chance = SimilarityResult.from_arrays(run.load("shuffled.npz"))
    # Images in another order: what is known in closed form is met on average.
    places = [[x.labels.index(f"{i}/20/encoder.0") for x in (found, chance)] for i in (1, 2)]
    value, expected = chance.values["cka_linear"], found.nulls["cka_linear"]
    sd = found.null_sds["cka_linear"][places[0][0], places[1][0]]
    assert abs(value[places[0][1], places[1][1]] - expected[places[0][0], places[1][0]]) < 5 * sd
    assert found.value("cka_linear", "1/20/encoder.0", "2/20/encoder.0") > 0.5
    assert np.isfinite(found.errors["cka_linear"][places[0][0], places[1][0]])
    assert {"cka_linear_excess.png", "cka_linear_same_layer.tex"} <= set(run.artifacts)
    assert {"cka_linear_same_layer_untrained", "cka_linear_same_layer_null",
            "cka_linear_same_layer_shuffled"} <= set(run.result)  # fmt: skip
    # The same again, and less of it: everything is known.
    assert do(similarity, *asked) == 0
    assert f"{pairs:,} pairs: {pairs:,} known, 0 to compute\n" in capsys.readouterr().out
    again = find_runs({"experiment": "analysis.similarity"}, study)[-1]
    assert again.read("similarity.csv") == run.read("similarity.csv")
    # One more representation of each network costs its own rows.
    assert do(similarity, *asked[:2], "measures=cka_linear", "layers=all,factors", "steps=all",
              "baseline=[]", "progress=False") == 0  # fmt: skip
    more = count + 1  # the factors are the same for all networks
    told = f"{more * (more + 1) // 2:,} pairs: {pairs:,} known, {more} to compute"
    assert told in capsys.readouterr().out


def test_layers_are_compared_with_the_factors(study):
    # The query matches the analyses of the study too, once they carry its tag.
    assert do(similarity, "tags=study", "where.tags=study", "n_probe=64", "where.seed=0",
              "layers=[input,factors]", "measures=cka_linear", "progress=False") == 0  # fmt: skip
    assert do(similarity, "tags=study", "where.tags=study", "n_probe=64",
              "layers=[input,factors]", "measures=cka_linear", "progress=False") == 0  # fmt: skip
    found = SimilarityResult.from_arrays(
        find_runs({"experiment": "analysis.similarity"}, study)[-1].load("similarity.npz")
    )
    trained = load_run(1, study)
    probe = probe_of(trained.config["dataset"], trained.dataset(), 64)
    images = torch.cat(list(probe.batches())).flatten(1)
    expected = compare(images, probe.factors.astype(float), measure="cka_linear")
    assert found.value("cka_linear", "1/20/input", "1/20/factors") == pytest.approx(expected)


def test_summary_has_mean_and_counts_and_names_its_runs(study):
    assert do(summary, "where.tags=study", "tags=study") == 0
    run = find_runs({"experiment": "analysis.summary"}, study)[-1]
    latex = run.load("summary.tex")
    losses = [load_run(i, study).result["loss"] for i in (1, 2)]
    assert f"{np.mean(losses):.1f}" in latex
    assert "% source runs: 1, 2" in latex
    assert r"\pm" not in latex and "textbf" not in latex  # two seeds: no interval, no best
    assert "DCI scores (fast: " in latex
    assert run.result == {"runs": 2, "groups": 1}


def test_summary_fails_where_models_have_not_learned(study, capsys):
    code = do(summary, "where.tags=study", "where.experiment=unsupervised",
              "at_most.reconstruction_ratio=0.1")  # fmt: skip
    assert code == 1
    assert "expected at most 0.1: it has not learned" in capsys.readouterr().err
    newest = study.runs.find_one(sort=[("_id", -1)])
    assert newest["status"] == "FAILED" and not newest["artifacts"]


@pytest.mark.parametrize(
    "module, updates, sentence",
    [
        (similarity, ["where.experiment=unsupervised", "where.seed=77"], "no COMPLETED run"),
        (similarity, ["where.model.nam=vae"], "is a path of no run"),
        (similarity, ["where.experiment=analysis.model"], "have kept no weights of a model; add"),
        (summary, ["where.experiment=analysis.model"], "have kept no weights of a model; add"),
        (similarity, ["where.id=1", "layers=[]"], "layers=[] names nothing"),
        (similarity, ["where.tags=study", "where.experiment=unsupervised", "layers=encoder.77"],
         "the models have no layer 'encoder.77'"),
        (similarity, ["where.tags=study", "where.experiment=unsupervised", "measures=cka"],
         "unknown measure 'cka'; did you mean"),
        (similarity, ["where.id=[1,2]", "n_probe=3"],
         "cka_debiased needs at least 4 inputs, got 3"),
        (similarity, ["where.id=[1,2]", "baseline=untraind"],
         "unknown baseline 'untraind'; did you"),
        (similarity, ["where.id=1", "baseline=shuffled"], "but one run matches; name more runs"),
        (similarity, ["where.id=[1,2]", "precision=float16"],
         "unknown precision 'float16'; did you"),
        (similarity, ["where.id=[1,2]", "pooling=position"], "unknown pooling 'position'; did you"),
        (similarity, ["where.id=[1,2]", "latent=means"], "unknown latent 'means'; did you mean"),
        (similarity, ["where.id=[1,2]", "measures=jsd"],
         "run 1 (unsupervised) classifies no labels"),
        (similarity, ["where.id=[1,2]", "measures=stochastic_shape", "layers=logits"],
         "stochastic_shape compares posteriors, not logits; name mean among the layers"),
        (similarity, ["where.id=[1,2]", "pooling=positions", "standard_errors=True"],
         "standard errors take the rows for independent inputs"),
        (model_analysis, ["run=99"], "has no run 99"),
        (model_analysis, ["run=1", "step=3"], "has no weights of step 3; it has those of steps"),
        (model_analysis, ["run=1", "dci=best"], "unknown DCI method 'best'"),
        (model_analysis, ["progress=False"], "run=ID is needed"),
        (summary, ["where.tags=study", "where.experiment=unsupervised", "columns=[lss]"],
         "no run has a score 'lss'; did you mean 'loss'"),
    ],
)  # fmt: skip
def test_bad_input_is_one_sentence_and_leaves_nothing(study, capsys, module, updates, sentence):
    from replearn.paths import results_folder

    before = set(results_folder().rglob("*"))
    assert do(module, *updates) == 1
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1 and sentence in lines[0]
    assert {p for p in results_folder().rglob("*") if p.is_file()} <= before


def test_runs_of_different_architectures_are_not_compared_layer_by_layer(study, capsys):
    other = [update for update in SMALL if update != "model.burgess"]
    assert do(unsupervised, *other, "model.kim", "tags=other") == 0
    code = do(similarity, "where.experiment=unsupervised", "where.tags=[study,other]")
    assert code == 1
    assert "have different architectures" in capsys.readouterr().err


def test_a_predictor_is_no_auto_encoder(study, capsys):
    assert do(supervised, "dataset.circles", "target=factors", "training.regression", "fast",
              "model.burgess", "progress=False") == 0  # fmt: skip
    newest = study.runs.find_one(sort=[("_id", -1)])["_id"]
    assert do(model_analysis, f"run={newest}") == 1
    assert "needs an auto-encoder" in capsys.readouterr().err
    model = load_run(newest, study).model()
    assert model.n_outputs == 2


def test_a_damaged_checkpoint_is_refused(study, capsys):
    file_id = load_run(2, study).artifacts["step-00000020.safetensors"]
    chunk = study.fs.chunks.find_one({"files_id": file_id, "n": 0})
    data = bytearray(chunk["data"])
    data[5000] ^= 1
    study.fs.chunks.update_one({"_id": chunk["_id"]}, {"$set": {"data": bytes(data)}})
    try:
        assert do(model_analysis, "run=2") == 1
        assert "step-00000020.safetensors" in capsys.readouterr().err
    finally:
        study.fs.chunks.update_one({"_id": chunk["_id"]}, {"$set": {"data": chunk["data"]}})
