"""UDR against disentanglement_lib's numbers, and what models must share for it."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from replearn.analysis.disentanglement import udr
from replearn.analysis.disentanglement.agreement import relative_strength
from replearn.errors import InputError


def models(golden, encoders):
    """1,000 inputs as disentanglement_lib draws them, in batches of ten, in four codes."""
    random = np.random.RandomState(0)
    factors = np.concatenate(
        [
            np.stack([random.randint(size, size=10) for size in golden["factor_sizes"]], axis=1)
            for _ in range(100)
        ]
    )
    perfect, mixture, noise = (encoders[name](factors) for name in ("perfect", "mixture", "noise"))
    return [perfect, -perfect[:, ::-1], mixture, noise]


@pytest.mark.parametrize("form, score", [("lasso", 0.45), ("spearman", 0.39988)])
def test_it_is_that_of_disentanglement_lib(golden, encoders, form, score):
    found = udr(models(golden, encoders), [np.ones(10)] * 4, form=form)
    # Of the perfect code and of noise, whose latents are the perfect code's dead ones.
    np.testing.assert_allclose(found.udr[[0, 3]], score, atol=5e-6)
    assert found.form == form and found.n_dead == (0, 0, 0, 0)


@pytest.mark.parametrize("form", ["lasso", "spearman"])
def test_without_dead_latents_noise_agrees_with_nothing(golden, encoders, form):
    found = udr(models(golden, encoders), form=form)
    assert found.n_dead == (5, 5, 0, 0)
    # Two models of the same latents in another order; coefficients are shrunk by alpha = 0.1.
    assert found.pairs[0, 1] == pytest.approx(0.9 if form == "lasso" else 1, abs=0.1)
    assert found.udr[3] < 0.02 < 0.1 < found.udr[0]
    dead = ~found.active[0]
    assert not found.similarity[0][3][dead].any()


def test_spearman_is_that_of_scipy():
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 6, (40, 3)), rng.integers(0, 6, (40, 2))
    found = udr([x, y], form="spearman")
    expected = [[abs(spearmanr(a, b)[0]) for b in y.T] for a in x.T]
    np.testing.assert_allclose(found.similarity[0][1], expected, atol=1e-12)
    assert found.udr == pytest.approx(found.pairs[[1, 0], [0, 1]])


def test_relative_strength_by_hand():
    assert relative_strength(np.eye(3)) == 1
    assert relative_strength(np.zeros((2, 2))) == 0
    # Rows: 1, 1/4 of (0.5, 0.5); columns: 1/1.5, 0.25/0.5.
    found = relative_strength(np.array([[1.0, 0.0], [0.5, 0.5]]))
    assert found == pytest.approx(((1 + 0.25) / 2 + (1 / 1.5 + 0.5) / 2) / 2)


def test_order_and_sign_of_latents_do_not_matter(golden, encoders):
    codes = models(golden, encoders)
    turned = [codes[0], -2 * codes[2][:, ::-1] + 1, codes[3]]
    for form in ("lasso", "spearman"):
        found = udr([codes[0], codes[2], codes[3]], form=form)
        np.testing.assert_allclose(
            udr(turned, form=form).udr, found.udr, atol=1e-3
        )  # of the solver


def test_kl_says_which_latents_count():
    rng = np.random.default_rng(0)
    shared = rng.standard_normal((200, 2))
    x, y = (np.hstack([shared, rng.standard_normal((200, 2))]) for _ in range(2))
    kl = [[1, 2, 0.001, 0.01], [1, 2, 0, 0]]
    found = udr([x, y], kl, form="spearman")
    assert found.n_dead == (2, 2) and found.udr[0] > 0.85 > udr([x, y], form="spearman").udr[0]
    lost = udr([x, y, x], [*kl, [0] * 4])
    assert lost.pairs[2].tolist() == [0, 0, 0] and "latents of model 2 are dead" in lost.note


def test_bad_input_is_refused_in_a_sentence():
    x = np.eye(4)
    with pytest.raises(InputError, match="two or more models, got 1"):
        udr([x])
    with pytest.raises(InputError, match="codes of the same inputs, got 4, 3"):
        udr([x, x[:3]])
    with pytest.raises(InputError, match=r"\[4, 4\] of the models, got shapes \[\(4,\), \(3,\)\]"):
        udr([x, x], [np.ones(4), np.ones(3)])
    with pytest.raises(InputError, match="unknown form of UDR 'laso'; did you mean 'lasso'"):
        udr([x, x], form="laso")
