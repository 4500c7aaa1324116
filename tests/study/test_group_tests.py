"""Tests on groups of stored networks: each number again, by scikit-learn and scipy."""

import shutil
import subprocess
from itertools import combinations, product
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import save
from scipy.spatial.distance import jensenshannon
from scipy.special import softmax
from scipy.stats import spearmanr
from sklearn.metrics import average_precision_score

from replearn.analysis.similarity import compare
from replearn.errors import InputError
from replearn.runs.query import find_runs
from replearn.study.comparison import choose_steps, common_probe, compare_layers
from replearn.study.config_groups import find_groups
from replearn.study.group_plan import choose_layers, choose_measures, choose_outputs
from replearn.study.group_results import (
    HEADINGS,
    Overview,
    caption,
    frame,
    heading,
    latex_table,
    printout,
)
from replearn.study.group_tests import LAYERS, OUTPUTS, GroupTests, Score

MODEL = {"name": "predictor", "encoder": "murphy"}
MEASURES = ["cka_debiased", "procrustes_angular", "linear_regression"]


@pytest.fixture
def store(store_run, database, tmp_path, monkeypatch):
    """Store a classifier of digits: the weights of its group, with noise of its own."""
    from replearn.runs.rebuild import make_model

    monkeypatch.setenv("REPLEARN_HOME", str(tmp_path))

    def one(share, seed, model=MODEL, target="labels", loss="cross_entropy"):
        outputs = {"n_outputs": 10} if model["name"] == "predictor" else {}
        net = make_model(model, (1, 8, 8), **outputs)
        group = torch.Generator().manual_seed(int(100 * share))
        own = torch.Generator().manual_seed(int(1000 * share) + seed)
        weights = {
            name: (torch.randn(w.shape, generator=group) + torch.randn(w.shape, generator=own) / 4)
            / max(w[0].numel(), 1) ** 0.5
            for name, w in net.state_dict().items()
        }
        section = {"name": "digits", "validation": 0.1, "split_seed": 0, "label_noise": share}
        run_id = store_run(
            {"seed": seed, "model": model, "dataset": section, "target": target,
             "training": {"loss": {"name": loss}}},
            artifacts={"step-00000020.safetensors": save(weights)},
            info={"image_shape": [1, 8, 8], **outputs},
            experiment="supervised",
        )  # fmt: skip
        return find_runs({"id": run_id}, database).one()

    return one


@pytest.fixture
def tests(store):
    runs = [store(share, seed) for share in (0, 1) for seed in range(3)]
    groups = find_groups(runs, "dataset.label_noise")
    return GroupTests(groups, common_probe(runs, 60), OUTPUTS, permutations=50)


def layers_of(run, probe):
    """What each block of a network gives, (N, D), by calling the blocks themselves."""
    with torch.no_grad():
        x, found = next(probe.batches()), []
        for block in run.model().encoder:
            x = block(x)
            found.append(x.flatten(1).numpy())
    return found


def one_score(scores, measure, test, of=""):
    (found,) = [s for s in scores if (s.measure, s.test, s.of) == (measure, test, of)]
    return found


def test_separation_and_outputs_are_what_the_networks_say(tests):
    scores, warnings = tests.of_layer("logits", MEASURES)
    assert not warnings
    layers = [layers_of(run, tests.probe) for run in tests.runs]
    pairs = list(product(range(6), repeat=2))
    labels = tests.probe.data.labels[tests.probe.indices]
    p = [softmax(each[-1].astype(float), axis=1) for each in layers]
    said = [each[-1].argmax(1) for each in layers]
    outputs = {
        "jsd": lambda i, j: (jensenshannon(p[i], p[j], axis=1, base=2) ** 2).mean(),
        "disagreement": lambda i, j: (said[i] != said[j]).mean(),
        "accuracy_difference": lambda i, j: abs(
            (said[i] == labels).mean() - (said[j] == labels).mean()
        ),
    }
    for measure, closer in zip(MEASURES, (1, -1, 1), strict=True):
        values = {
            (i, j): closer * round(compare(layers[i][3], layers[j][3], measure), 10)
            for i, j in pairs
            if i != j
        }
        averages, rates = [], []
        for own in ({0, 1, 2}, {3, 4, 5}):
            inside = [v for pair, v in values.items() if set(pair) <= own]
            across = [v for pair, v in values.items() if len(set(pair) & own) == 1]
            truth = [1] * len(inside) + [0] * len(across)
            averages.append(average_precision_score(truth, inside + across))
            rates.append(np.mean([a <= b for a, b in product(inside, across)]))
        found = one_score(scores, measure, "auprc")
        assert found.value == pytest.approx(np.mean(averages)) and found.n == 6
        in_group = one_score(scores, measure, "auprc", "label noise=1")
        assert in_group.value == pytest.approx(averages[1]) and in_group.n == 3
        assert one_score(scores, measure, "violation_rate").value == pytest.approx(np.mean(rates))
        for name, differ in outputs.items():
            found = one_score(scores, measure, name)
            differences = np.round([differ(*pair) for pair in values], 12)
            wanted = spearmanr([-v for v in values.values()], differences)
            assert found.value == pytest.approx(wanted[0], abs=1e-6)
            assert 1 / 51 <= found.p <= 1 and found.n == 6
    # All permutations inside the two groups of three: 36, each its own inverse's equal.
    within = one_score(scores, "cka_debiased", "jsd_within_groups")
    assert (36 * within.p) == pytest.approx(round(36 * within.p))
    assert one_score(scores, "cka_debiased", "auprc").value > 2 * tests.chance("auprc")


def test_the_order_of_layers_is_looked_at_in_each_network(tests):
    scores, _ = tests.of_order(["cka_debiased", "procrustes_angular"])
    for run in tests.runs[:2]:
        layers = layers_of(run, tests.probe)
        alike = {pair: compare(*(layers[i] for i in pair)) for pair in combinations(range(4), 2)}
        wrong = [alike[a, b] < alike[a, c] for a, b, c in combinations(range(4), 3)]
        wrong += [alike[b, c] < alike[a, c] for a, b, c in combinations(range(4), 3)]
        found = one_score(scores, "cka_debiased", "layer_violations", f"run {run.id}")
        assert found.value == np.mean(wrong)
    for test in LAYERS:
        each = [s.value for s in scores if s.test == test and s.measure == "cka_debiased" and s.of]
        mean = one_score(scores, "cka_debiased", test)
        assert (len(each), mean.n) == (6, 6) and mean.value == pytest.approx(np.mean(each))


def test_the_last_layer_is_below_the_outputs(store):
    runs = [store(0, 0), store(0, 1)]
    assert choose_layers(runs, ["last"]) == choose_layers(runs, "last") == ["encoder.2"]
    assert choose_layers(runs, "all") == ["encoder.0", "encoder.1", "encoder.2", "logits"]
    other = store(0, 2, {"name": "predictor", "encoder": "higgins"})
    with pytest.raises(InputError, match="last layers .* different names .encoder.2, encoder.1."):
        choose_layers([*runs, other], "last")


def test_the_mean_is_one_layer_of_an_auto_encoder_not_two(store):
    """Decoders get the mean, so that z is the mean again: a pair that is alike by itself."""
    parts = dict.fromkeys(("encoder", "decoder"), "fully_connected")
    vae = {"name": "vae", "latent_size": 3, **parts}
    runs = [store(share, seed, vae, target=None) for share in (0, 1) for seed in range(2)]
    layers = choose_layers(runs, "all")
    assert "mean" in layers and "z" not in layers
    tests = GroupTests(find_groups(runs, "dataset.label_noise"), common_probe(runs, 60))
    order = [layer for layer in layers if layer != "logvar"]
    found = compare_layers(choose_steps(runs[:1], "last"), order, tests.probe, "cka_debiased")
    scores, _ = tests.of_order(["cka_debiased"])
    score = one_score(scores, "cka_debiased", "layer_violations", f"run {runs[0].id}")
    assert score.value == LAYERS["layer_violations"](found.values["cka_debiased"], True)


def test_outputs_are_compared_where_all_runs_classify_labels(store):
    runs = [store(0, 0), store(0, 1, target="factors", loss="mse")]
    assert choose_outputs(runs[:1], None) == list(OUTPUTS)
    assert choose_outputs(runs, None) == [] and choose_outputs(runs, []) == []
    assert choose_outputs(runs[:1], "jsd") == ["jsd"]
    with pytest.raises(InputError, match="run 2 .supervised. classifies no labels, so there are"):
        choose_outputs(runs, "jsd")
    with pytest.raises(InputError, match="unknown measure of outputs 'jds'; did you mean 'jsd'"):
        choose_outputs(runs[:1], "jds")


def test_groups_are_tested_by_measures_of_activations():
    resi = [spec["name"] for spec in choose_measures("resi")]
    assert len(resi) == 24
    assert [s["name"] for s in choose_measures("resi,-rtd")] == [x for x in resi if x != "rtd"]
    with pytest.raises(InputError, match="jsd compares outputs, and groups are tested by activat"):
        choose_measures("jsd")


def test_impossible_tests_are_refused_at_once():
    with pytest.raises(InputError, match="unknown correlation 'kendal'"):
        GroupTests({}, SimpleNamespace(), correlation="kendal")
    with pytest.raises(InputError, match="permutations must be a whole number of at least 1"):
        GroupTests({}, SimpleNamespace(), permutations=0)


def on_groups(sizes, outputs=(), marked=False):
    """Tests on groups of so many runs, of which there is nothing but their ids."""
    runs = iter(SimpleNamespace(id=i) for i in range(1, 100))
    groups = {f"noise={i}": [next(runs) for _ in range(size)] for i, size in enumerate(sizes)}
    probe = SimpleNamespace(marked=marked, indices=range(80))
    return GroupTests(groups, probe, outputs)


def test_chance_is_that_of_the_groups():
    # In groups of 2 and 2: 1 pair inside, 4 across; E[AP] of one among five is H_5 / 5.
    harmonic = 1 + 1 / 2 + 1 / 3 + 1 / 4 + 1 / 5
    tests = on_groups((2, 2))
    assert tests.chance("auprc") == pytest.approx(harmonic / 5)
    assert [tests.chance(x) for x in ("violation_rate", "layer_violations", "jsd")] == [0.5, 0.5, 0]


SCORES = [
    Score("a", "x", "auprc", "", 0.5, 0.125, n=4),
    Score("a", "x", "auprc", "noise=0", 0.4, n=2),
    Score("b", "x", "auprc", "", 1.0, 0.0, n=4),
    Score("c", "x", "auprc", "", float("nan"), n=4),
    Score("a", "x", "violation_rate", "", 0.25, n=4),
    Score("b", "x", "violation_rate", "", 0.25, n=4),
    Score("c", "x", "violation_rate", "", 0.125, n=4),
    Score("b", "x", "jsd", "", 0.75, p=0.0002, n=4),
    Score("a", "x", "jsd", "", -0.5, p=0.25, n=4),
    Score("b", "x", "jsd_within_groups", "", 0.5, p=0.25, n=4),
    Score("b", "y", "auprc", "", 0.0, n=4),
    Score("b", "", "layer_violations", "", 0.25, 0.5, n=4),
]


def test_measures_stand_in_the_order_of_their_mean_ranks():
    overview = Overview(SCORES, "x")
    assert overview.tests == ["auprc", "violation_rate", "layer_violations", "jsd"]
    # Ranks of a, b, c: AUPRC 2, 1, 3; violations 2.5, 2.5, 1; layers 2.5, 1, 2.5; JSD 2, 1, 3.
    assert overview.ranks == pytest.approx({"b": 5.5 / 4, "a": 9 / 4, "c": 9.5 / 4})
    assert overview.measures == ["b", "a", "c"]
    assert Overview(SCORES, "y").measures == ["b"]


def test_a_printout_has_intervals_p_and_chance():
    lines = printout(on_groups((2, 2), OUTPUTS), Overview(SCORES, "x")).splitlines()
    cells = [line.split("  ") for line in lines]
    shown = [[cell.strip() for cell in line if cell] for line in cells]
    assert shown[0] == [
        "layer x", "AUPRC ↑", "violations ↓", "layer violations ↓", "ρ with JSD ↑", "mean rank"
    ]  # fmt: skip
    assert shown[1] == ["b", "1.00", "0.25", "0.25 ± 0.50", "0.75 (<0.001)", "1.4"]
    assert shown[2] == ["a", "0.50 ± 0.12", "0.25", "–", "-0.50 (0.250)", "2.2"]
    assert shown[4] == ["chance", "0.46", "0.50", "0.50", "0.00"]


def test_a_table_names_its_runs_and_what_it_shows():
    tests = on_groups((2, 3), ["jsd"], marked=True)
    text = caption(tests, Overview(SCORES, "x"))
    assert "5 networks (n) in 2 groups (noise=0: 2, noise=1: 3), layer x, 80 held-out" in text
    assert "with marks of random classes" in text and "over 10 pairs of networks" in text
    latex = latex_table(tests, Overview(SCORES, "x"), text, "tab:groups")
    assert "% noise=0: runs 1, 2\n% noise=1: runs 3, 4, 5\n" in latex
    assert (
        r"b & $1.00$ & $0.25$ & $0.25 \pm 0.50$ & $0.75\,{\footnotesize(<0.001)}$ & 1.4 & 5 \\"
        in latex
    )
    assert r"c & -- & $0.12$ & -- & -- & 2.4 & 5 \\" in latex
    plain = caption(on_groups((2, 2)), Overview(SCORES[:4], "x"))
    assert "marks" not in plain and "Layer" not in plain and "pairs of networks" not in plain


def test_headings_say_which_correlation_and_what_is_better():
    tests = on_groups((2, 2))
    kendall = GroupTests(tests.groups, tests.probe, correlation="kendall")
    assert [heading(kendall, test) for test in ("jsd", "layer_correlation", "violation_rate")] == [
        "τ with JSD ↑", "ρ with layer distance ↑", "violations ↓"
    ]  # fmt: skip
    assert set(HEADINGS) == {"auprc", "violation_rate", *LAYERS, *OUTPUTS}


def test_all_scores_are_a_tidy_table():
    table = frame(SCORES)
    assert list(table) == ["measure", "layer", "test", "of", "value", "half_width", "p", "n"]
    assert len(table) == 12 and table.query("test == 'jsd' and measure == 'b'").p.item() == 0.0002


@pytest.fixture
def do(capsys):
    """A function: give analysis.groups some words; return its code and what it printed."""
    from analysis import groups
    from replearn.runs.commandline import run_commandline

    def command(*words):
        code = run_commandline(groups.ex, ["X", "with", "fast", "progress=False", *words])
        return code, capsys.readouterr()

    return command


@pytest.mark.slow
def test_the_analysis_leaves_a_table_figures_and_all_scores(store, database, do):
    from replearn.paths import results_folder

    for share in (0, 1):
        for seed in range(2):
            store(share, seed)
    words = ["by=dataset.label_noise", "where.experiment=supervised", "n_probe=60"]
    code, said = do(*words, "layers=encoder.2,encoder.1")
    assert code == 0 and "4 runs in 2 groups: label noise=0, label noise=1" in said.out
    assert "layer encoder.2" in said.out and "chance" in said.out
    # Pairs of a layer in four networks; and of four layers in each, two of them known with itself.
    assert said.out.count("\n10 pairs: 0 known, 10 to compute; estimated time: ") == 2
    assert "\n4 networks, the first: 10 pairs: 2 known, 8 to compute; " in said.out
    run = find_runs({"experiment": "analysis.groups"}, database).one()
    assert run.info["source_runs"] == [1, 2, 3, 4]
    names = ["groups_encoder.2", "groups_encoder.1"]
    files = {f"{name}.{kind}" for name in names for kind in ("tex", "pdf", "png")}
    files |= {"groups.csv", "groups_layers.pdf", "groups_layers.png", "report.html"}
    assert set(run.artifacts) == files
    folder = results_folder() / database.name / "groups" / str(run.id)
    assert {path.name for path in folder.iterdir()} == files
    assert run.result["cka_debiased_auprc"] == 1  # two pairs of networks made to be alike
    assert "% label noise=0: runs 1, 2\n" in run.load("groups_encoder.2.tex")
    # Once more: every pair is known.
    again, _ = do(*words, "layers=last", "order=False")
    newest = find_runs({"experiment": "analysis.groups"}, database)[-1]
    assert again == 0 and b"layer_violations" not in newest.read("groups.csv")
    assert {k: newest.result[k] for k in newest.result} == pytest.approx(
        {k: run.result[k] for k in newest.result}
    )
    if shutil.which("pdflatex"):
        command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "groups_encoder.2.tex"]
        said = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        assert said.returncode == 0 and "Overfull" not in said.stdout


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "by=PATH says what parts runs into groups"),
        (["by=dataset.label_noise", "where.seed=0"], "the group label noise=0 by dataset.label_n"),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_nothing(store, do, words, sentence):
    from replearn.paths import results_folder

    for share in (0, 1):
        for seed in range(2):
            store(share, seed)
    code, said = do("where.experiment=supervised", *words)
    errors = [line for line in said.err.splitlines() if line.startswith("error: ")]
    assert code == 1 and len(errors) == 1 and sentence in errors[0]
    assert not list(results_folder().rglob("*.tex"))
