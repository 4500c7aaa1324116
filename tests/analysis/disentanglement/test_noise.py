"""Every score of factors on the same three codes: perfect scores 1, noise and dead ones nothing."""

import numpy as np
import pytest

from replearn.analysis.disentanglement import (
    beta_vae_score,
    dci,
    explicitness,
    factor_vae_score,
    irs,
    mean_latent_mutual_information,
    mig,
    modularity,
    sap,
    udr,
)

SIZES = np.array([3, 4, 5])
FEW = {"batch": 32, "n_train": 500, "n_test": 500}


def perfect(factors):
    """Five latents: three are a factor each, one of them turned round, and two are dead."""
    u = (factors - (SIZES - 1) / 2) / np.sqrt((SIZES**2 - 1) / 12)
    rng = np.random.default_rng(len(factors))
    return np.hstack([0.02 * rng.standard_normal((len(factors), 2)), u[:, [2, 0]], -u[:, 1:2]])


def scores(encode, n=1500):
    """Return the headline of each metric, from 0 (chance) to 1."""
    rng = np.random.default_rng(0)
    factors = rng.integers(0, SIZES, (n, 3))
    codes = encode(factors)
    lasso, trees = dci(codes, factors, method="lasso"), dci(codes, factors)
    linear = explicitness(codes, factors)
    return {
        "mig": mig(codes, factors).mig,
        "modularity": modularity(codes, factors).modularity,
        "sap": sap(codes, factors).sap,
        "explicitness": linear.above_chance,
        "lasso_d": lasso.disentanglement,
        "lasso_c": lasso.completeness,
        "lasso_i": lasso.informativeness,
        "trees_d": trees.disentanglement,
        "trees_c": trees.completeness,
        "trees_i": (trees.informativeness - trees.chance) / (1 - trees.chance),
        "irs": irs(codes, factors).above_chance,
        "beta_vae": beta_vae_score(encode, SIZES, **FEW).above_chance,
        "factor_vae": factor_vae_score(encode, SIZES, **FEW).above_chance,
        # Of the other kind: what two models share, and what latents do not.
        "udr": udr([codes, -encode(factors)[:, ::-1]], form="spearman").udr[0],
        "independence": 1 - mean_latent_mutual_information(codes).mean,
    }


@pytest.mark.slow
def test_a_perfect_code_scores_1_on_everything():
    found = scores(perfect)
    assert {name: score for name, score in found.items() if score < 0.95} == {}
    assert max(found.values()) <= 1 + 1e-9


@pytest.mark.slow
@pytest.mark.parametrize("latents", [1, 5])
def test_noise_scores_nothing_on_everything(latents):
    rng = np.random.default_rng(1)
    found = scores(lambda factors: rng.standard_normal((len(factors), latents)))
    assert found.pop("independence") > 0.8
    # Explicitness and accuracies of 500 inputs err by chance.
    assert {name: score for name, score in found.items() if abs(score) > 0.1} == {}
    assert found["lasso_d"] == found["trees_d"] == found["modularity"] == 0


def test_dead_codes_score_nothing_on_everything():
    found = scores(lambda factors: 0.05 * perfect(factors), n=300)
    del found["independence"]
    # R² of the mean of the training inputs is slightly below 0.
    assert {name: score for name, score in found.items() if abs(score) > 0.05} == {}
