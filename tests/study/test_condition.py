"""The grid of conditions, models and seeds: what its cells are, and what figures and tables say."""

import io
import re

import numpy as np
import pytest
from safetensors.numpy import save

from replearn.analysis.rank_correlation import RankCorrelation
from replearn.analysis.table_origin import read_tables
from replearn.errors import InputError
from replearn.study import condition
from replearn.study.condition import draw_errors, errors_of, said, write_tables
from replearn.study.condition_examples import _maps_of, draw_maps
from replearn.study.condition_grid import find_grid, model_name, natural, slug
from replearn.study.results import Results

WEIGHTS = {"step-00000020.safetensors": save({})}
R2R = {"condition": "r2r", "variant": "sqr2tx"}


@pytest.fixture
def train(store_run):
    """Store a finished training run of a study."""

    def store(seed=0, data=None, loss=None, model=None, result=None, artifacts=WEIGHTS, **fields):
        dataset = {"name": "dsprites", **(R2R if data is None else data)}
        training = {"loss": loss or {"name": "vae", "params": {}}}
        config = {"seed": seed, "dataset": dataset, "training": training, "tags": ["study"]}
        config["model"] = {"name": "vae", **(model or {})}
        group = repr((dataset, training, config["model"]))
        identity = {"config_hash": f"{group} {seed}", "group_hash": group, "data": dataset["name"]}
        scores = {"nll_above_entropy": 10.0 + seed, "test_nll_above_entropy": 30.0 + seed}
        result = scores | (result or {})
        return store_run(config, artifacts=artifacts, result=result, identity=identity, **fields)

    return store


def test_cells_are_conditions_by_models_over_seeds(train):
    for name in ("dsprites", "shapes3d"):
        # The encoder follows the data set, and says nothing of the models.
        encoder = {"dsprites": "kim", "shapes3d": "abdi"}[name]
        for loss in ({"name": "beta_vae", "params": {"beta": 8}},
                     {"name": "beta_vae", "params": {"beta": 12}}):  # fmt: skip
            for seed in (0, 1):
                train(seed, {"name": name, **R2R}, loss, {"encoder": encoder})
    grid = find_grid({"tags": "study"})
    assert grid.conditions == ["dsprites r2r sqr2tx", "shapes3d r2r sqr2tx"]
    assert grid.models == ["beta 8", "beta 12"]
    assert [list(cell.group.runs) for cell in grid.cells] == [[1, 2], [3, 4], [5, 6], [7, 8]]
    assert grid.cells[0].values("test_nll_above_entropy") == [30, 31]
    assert grid.cells[0].group.labels == {"beta": 8}


def test_strengths_of_several_objectives_and_operators_name_models(train):
    for params in ({"name": "beta_vae", "params": {"beta": 8}},
                   {"name": "beta_vae", "params": {"beta": 12}},
                   {"name": "factor_vae", "params": {"gamma": 20}},
                   {"name": "factor_vae", "params": {"gamma": 50}}):  # fmt: skip
        for operator in ("interp", "fixint"):
            train(loss=params, model={"composition_op": operator})
    models = find_grid({"tags": "study"}).models
    assert models[1:3] == ["beta_vae, beta 8, interp", "beta_vae, beta 12, fixint"]
    assert models[-1] == "factor_vae, gamma 50, interp" and len(models) == 8


@pytest.mark.parametrize(
    "section, name",
    [
        (R2R, "dsprites r2r sqr2tx"),
        (R2R | {"modifiers": ["sparse_posX"]}, "dsprites r2r sqr2tx + sparse_posX"),
        (R2R | {"rebalance": "shape"}, "dsprites r2r sqr2tx rebalanced by shape"),
        ({"holdout": "posX > 0.5"}, "dsprites posX > 0.5"),
    ],
)
def test_a_condition_is_named_by_all_that_makes_it(train, section, name):
    train(data=section)
    grid = find_grid({"tags": "study"})
    assert grid.conditions == [name] and grid.models == ["vae"]


def test_runs_without_a_condition_are_left_out_and_named(train, capsys):
    train(data={})
    train()
    assert [run.id for run in find_grid({"tags": "study"}).study.runs] == [2]
    assert "left out: 1, which were trained without a condition" in capsys.readouterr().out


def test_nothing_trained_with_a_condition_is_one_sentence(train):
    train(data={})
    with pytest.raises(InputError, match=r"none of the 1 runs that match was trained with a cond"):
        find_grid({"tags": "study"})


def test_runs_of_several_experiments_are_told_apart(train):
    train(experiment="unsupervised")
    train(model={"composition_op": "interp"}, experiment="composition")
    assert find_grid({"tags": "study"}).models == ["composition, interp", "unsupervised"]


def tables(results):
    """The keys of the columns of each table that was written, and its caption."""
    found = {}
    for path in results.files:
        text = path.read_text()
        (printed,) = read_tables(text)
        keys = [column.key for column in printed.columns]
        found[path.stem] = keys, re.search(r"caption{(.*?)\.", text)[1]
    return found


def test_each_condition_has_a_table_with_what_its_runs_have(train, tmp_path):
    scores = {"dci_disentanglement": 0.5, "dci_completeness": 0.4, "dci_informativeness": 0.9}
    train(result=scores)
    train(data={"condition": "extrp", "variant": "blank_side"}, result={"test_ssim": 0.5})
    grid = find_grid({"tags": "study"})
    results = Results(tmp_path, "", {"database": "x", "key": "y", "analysis": 1})
    write_tables(results, grid, None, "After 6 steps.", "")
    both = ["nll_above_entropy", "test_nll_above_entropy"]
    assert tables(results) == {
        "dsprites_extrp_blank_side": ([*both, "test_ssim"], r"dsprites extrp blank\_side"),
        "dsprites_r2r_sqr2tx": ([*both, *scores], "dsprites r2r sqr2tx"),
    }
    assert "sqr2tx. After 6 steps." in (tmp_path / "dsprites_r2r_sqr2tx.tex").read_text()
    # D without C and I would say nothing: pure noise can have a high D.
    write_tables(results, grid, ["dci_disentanglement"], "", "")
    assert tables(results)["dsprites_r2r_sqr2tx"][0] == list(scores)


def test_which_half_errs_is_a_table_of_its_own(train, tmp_path):
    halves = {"test_probe_r2": 0.5, "test_encoder_gap": 2.0, "test_least_error": 3.0}
    train(result={**halves, "matched_nll_above_entropy": 20.0})
    results = Results(tmp_path, "", {"database": "x", "key": "y", "analysis": 1})
    write_tables(results, find_grid({"tags": "study"}), None, "", "")
    errors, parts = (keys for keys, _ in tables(results).values())
    assert errors == [f"{prefix}nll_above_entropy" for prefix in ("", "matched_", "test_")]
    assert parts == list(halves)


def test_labels_that_others_say_already_are_left_out(train):
    for name, rate in (("vae", 0.1), ("wae_mmd", 0.2)):
        for operator in ("interp", "fixint"):
            train(loss={"name": name, "params": {"rate": rate}}, model={"composition_op": operator})
    assert find_grid({"tags": "study"}).models == [
        "vae, fixint", "vae, interp", "wae_mmd, fixint", "wae_mmd, interp"
    ]  # fmt: skip


def test_nats_of_two_likelihoods_are_not_compared(train, tmp_path):
    scores = {"squared_error": 3.0, "test_squared_error": 9.0}
    train(result=scores)
    results = Results(tmp_path, "", {"database": "x", "key": "y", "analysis": 1})
    grid = find_grid({"tags": "study"})
    assert list(errors_of(grid))[1] == "nll_above_entropy"
    train(loss={"name": "wae_mmd", "params": {"likelihood": "squared_error"}}, result=scores)
    grid = find_grid({"tags": "study"})
    write_tables(results, grid, None, "", "")
    assert tables(results)["dsprites_r2r_sqr2tx"][0] == list(scores)
    draw_errors(results, grid)
    assert "squared error (per image" in results.sections[-1].title


def test_names_and_orders():
    assert slug("dsprites shape == 'square' and posX > 0.5") == "dsprites_shape_square_and_posx_0_5"
    assert sorted(["beta 12", "beta 8", "vae"], key=natural) == ["beta 8", "beta 12", "vae"]
    labels = {"loss": "factor_vae", "parameter": "gamma", "value": 20, "operator": "interp"}
    assert model_name(labels) == "factor_vae, gamma 20, interp"
    assert said(RankCorrelation(-0.5, -0.9, 0.25, 7)) == "ρ = −0.50 [−0.90, 0.25], n = 7"
    assert said(RankCorrelation(1.0, np.nan, np.nan, 2)) == "n = 2"
    assert said(RankCorrelation(-1.0, np.nan, np.nan, 4)) == "ρ = −1.00, n = 4"


def npz(errors):
    """A generalisation.npz of squares and hearts at both ends of posX; squares at 31 are out."""
    content = io.BytesIO()
    np.savez(
        content, named=[0, 3], combinations=[[0, 0], [0, 31], [2, 0], [2, 31]],
        combination_excluded=[False, True, False, False], combination_n=[5, 5, 5, 5],
        combination_nll_above_entropy=errors,
    )  # fmt: skip
    return content.getvalue()


def test_maps_are_means_over_seeds(train, tmp_path):
    train(0, artifacts={"generalisation.npz": npz([10.0, 100, 12, 14])} | WEIGHTS)
    train(1, artifacts={"generalisation.npz": npz([20.0, 300, 12, 14])} | WEIGHTS)
    grid = find_grid({"tags": "study"})
    figure = _maps_of(
        grid.cells[0].runs[0],
        {"vae": [run.load("generalisation.npz") for run in grid.cells[0].runs]},
        "nll_above_entropy",
    )
    values = figure.axes[0].collections[0].get_array()
    assert values.shape == (3, 32)
    assert values[[0, 0, 2, 2], [0, 31, 0, 31]].tolist() == [15, 200, 12, 14]
    assert values.mask.sum() == 3 * 32 - 4
    results = Results(tmp_path, "")
    draw_maps(results, grid)
    assert [path.name for path in results.files] == [
        f"map_dsprites_r2r_sqr2tx.{suffix}" for suffix in ("pdf", "png")
    ]


class Drawn:
    """The clouds that would be drawn."""

    def __init__(self, monkeypatch):
        self.clouds = {}
        monkeypatch.setattr(condition, "cloud_grid", lambda rows, *_, **__: rows)

    def figure(self, name, rows, title, text=""):
        self.clouds[name] = [cloud for row in rows for cloud in row]


def test_gaps_of_two_likelihoods_are_of_squared_errors(train, monkeypatch):
    scores = {"dci_disentanglement": 0.5, "dci_completeness": 0.5, "dci_informativeness": 0.5}
    scores |= {"squared_error": 3.0, "test_squared_error": 9.0}
    for loss in (None, {"name": "wae_mmd", "params": {"likelihood": "squared_error"}}):
        train(loss=loss, result=scores)
    drawn = Drawn(monkeypatch)
    condition.draw_disentanglement(drawn, find_grid({"tags": "study"}))  # type: ignore[arg-type]
    assert [list(cloud.y) for cloud in drawn.clouds["disentanglement"]] == [[6.0, 6.0]] * 3


def test_excluded_images_compare_with_those_that_are_as_hard(train, monkeypatch):
    scores = {f"{p}{key}": 1.0 for p in ("", "test_") for key in condition.HALVES}
    scores |= {"dci_disentanglement": 0.5, "dci_completeness": 0.5, "dci_informativeness": 0.5}
    matched = {"matched_nll_above_entropy": 25.0, "matched_encoder_gap": 3.0}
    matched["matched_least_error"] = 4.0
    beyond = {"condition": "extrp", "variant": "blank_side"}
    for data, more in ((R2R, matched), (beyond, {})):  # nothing matches a value never trained on
        train(0, data, result=scores | more)
    drawn, grid = Drawn(monkeypatch), find_grid({"tags": "study"})
    condition.draw_disentanglement(drawn, grid)  # type: ignore[arg-type]
    gaps = {cloud.title: list(cloud.y) for cloud in drawn.clouds["disentanglement"] if cloud.title}
    assert gaps == {
        "dsprites r2r sqr2tx": [30.0 - 25.0],
        "dsprites extrp blank_side": [30.0 - 10.0],
    }
    condition.draw_encoder_decoder(drawn, grid)  # type: ignore[arg-type]
    parts = {
        cloud.title: (list(cloud.x), list(cloud.y)) for cloud in drawn.clouds["encoder_decoder"]
    }
    assert parts == {
        "dsprites r2r sqr2tx": ([1.0, 3.0], [1.0, 4.0]),
        "dsprites extrp blank_side": ([1.0, 1.0], [1.0, 1.0]),
    }


def test_no_run_is_lost_where_some_have_no_match(train, monkeypatch):
    scores = {f"{p}{key}": 1.0 for p in ("", "test_") for key in condition.HALVES}
    matched = {f"matched_{key}": 3.0 for key in condition.HALVES}
    train(0, result=scores | matched)
    train(1, result=scores)
    drawn = Drawn(monkeypatch)
    condition.draw_encoder_decoder(drawn, find_grid({"tags": "study"}))  # type: ignore[arg-type]
    (cloud,) = drawn.clouds["encoder_decoder"]
    assert (list(cloud.x), list(cloud.y)) == ([1.0] * 4, [1.0] * 4)
