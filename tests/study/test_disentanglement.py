"""Every metric of the codes of a run, as flat numbers."""

from functools import partial

import numpy as np
import pytest

from replearn.analysis.disentanglement import irs, mig
from replearn.errors import InputError
from replearn.study.disentanglement import METRICS, OF_GRID, score

SIZES = (3, 4)


@pytest.fixture(scope="module")
def grid():
    factors = np.stack(np.meshgrid(*map(np.arange, SIZES), indexing="ij"), -1).reshape(-1, 2)
    return np.repeat(factors, 10, axis=0)


def perfect(factors):
    """Each factor in a latent of its own, and a dead latent."""
    rng = np.random.default_rng(0)
    return np.column_stack([factors[:, 1], 0.01 * rng.standard_normal(len(factors)), factors[:, 0]])


def test_all_metrics_of_codes_have_flat_numbers(grid):
    active = np.array([True, False, True])
    found = score(perfect(grid), grid, active)
    assert found.scores["mig"] == mig(perfect(grid), grid).mig == pytest.approx(1)
    assert found.scores["irs"] == irs(perfect(grid), grid).irs
    for name in ("mig_ceiling", "sap", "modularity", "explicitness", "dci_disentanglement",
                 "dci_completeness", "dci_informativeness"):  # fmt: skip
        assert found.scores[name] == pytest.approx(1, abs=1e-2), name
    assert found.scores["dead_latents"] == found.scores["dci_dead_latents"] == 1
    assert found.scores["gaussian_total_correlation"] == pytest.approx(0, abs=1e-2)
    assert {"irs_chance", "explicitness_chance", "dci_informativeness_chance"} <= set(found.scores)
    assert found.dci is not None and not found.dci.importance[1].any()
    assert not any("." in name for name in found.scores)
    assert all(isinstance(value, float) for value in found.scores.values())


def test_noise_has_nothing_above_chance(grid):
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((len(grid), 3))
    found = score(noise, grid, np.ones(3, dtype=bool)).scores
    assert found["dci_disentanglement"] == found["dci_completeness"] == found["modularity"] == 0
    for name in ("dci_informativeness", "explicitness", "irs"):
        assert found[name] == pytest.approx(found[f"{name}_chance"], abs=0.15)
    assert max(found["mig"], found["sap"]) < 0.1


def test_without_factors_there_is_what_codes_say(grid):
    names = set(score(perfect(grid), None, np.ones(3, dtype=bool)).scores)
    assert names == {
        "dead_latents", "gaussian_total_correlation", "wasserstein_correlation",
        "wasserstein_correlation_normalised", "mean_latent_mutual_information",
        "mean_latent_mutual_information_chance",
    }  # fmt: skip


def test_what_is_infinite_is_left_out(grid):
    codes = perfect(grid)[:, [0, 0, 2]].astype(float)
    found = score(codes, None, np.ones(3, dtype=bool), ["gaussian_total_correlation"])
    assert set(found.scores) == {"dead_latents"}


def test_one_factor_has_no_modularity(grid):
    found = score(perfect(grid), grid[:, :1], np.ones(3, dtype=bool), ["mig", "modularity"])
    assert "mig" in found.scores and "modularity" not in found.scores


def test_interventions_are_scored_on_the_whole_grid(grid, monkeypatch):
    codes = perfect(grid[::10])
    for name, metric in OF_GRID.items():
        few = partial(metric, batch=16, n_train=300, n_test=300)
        monkeypatch.setitem(OF_GRID, name, few)
    mask = np.ones(3, dtype=bool)
    found = score(codes, grid[::10], mask, list(OF_GRID), grid=lambda: (codes, SIZES)).scores
    assert found["beta_vae_score"] > 0.95 and found["factor_vae_score"] > 0.95
    assert found["beta_vae_score_chance"] == 0.5
    with pytest.raises(InputError, match="factor_vae_score draws pairs .* a whole grid of factors"):
        score(codes, grid[::10], mask, ["factor_vae_score"])


def test_an_unknown_metric_is_a_sentence(grid):
    with pytest.raises(InputError, match="unknown disentanglement metric 'mg'; did you mean 'mig'"):
        score(perfect(grid), grid, np.ones(3, dtype=bool), ["mg"])
    assert "dci" in METRICS
