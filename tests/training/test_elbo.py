"""VAE and beta-VAE losses against the golden file and closed forms."""

import numpy as np
import pytest
import torch

from replearn.errors import InputError
from replearn.models import VAEOutput
from replearn.registry import build
from replearn.training.elbo import BetaVAELoss, VAELoss, gaussian_kl
from replearn.training.losses import LOSSES


def test_kl_is_the_golden_one(golden, output):
    kl = gaussian_kl(output.mean, output.logvar)
    np.testing.assert_allclose(kl, golden["loss__out__kl_per_sample__f64"], rtol=1e-12)


def test_kl_of_a_shifted_and_of_a_narrow_gaussian():
    # KL(N(3, 1) || N(0, 1)) = 9 / 2; KL(N(0, 1/4) || N(0, 1)) = (1/4 - 1 + log 4) / 2.
    mean = torch.tensor([[3.0, 0.0], [0.0, 0.0]], dtype=torch.float64)
    logvar = torch.tensor([[0.0, 0.0], [0.0, np.log(0.25)]], dtype=torch.float64)
    expected = [4.5, (0.25 - 1 + np.log(4)) / 2]
    np.testing.assert_allclose(gaussian_kl(mean, logvar), expected, rtol=1e-12)


def test_terms_are_averages_over_the_batch(golden, output, images):
    terms = VAELoss()(output, images, 0)
    assert list(terms) == ["loss", "reconstruction", "kl"]
    assert all(value.shape == () for value in terms.values())
    # Published scalars, spec: 823.618086 and 5.821511.
    assert terms["reconstruction"].item() == pytest.approx(823.618086, abs=1e-6)
    assert terms["kl"].item() == pytest.approx(5.821511, abs=1e-6)
    torch.testing.assert_close(
        VAELoss().reconstruction(output.logits, images), terms["reconstruction"]
    )


def test_gaussian_likelihood_replaces_the_reconstruction(golden, output, images):
    terms = VAELoss(likelihood="gaussian")(output, images, 0)
    squared = golden["loss__out__l2_dislib_per_sample__f64"].mean().item()
    assert terms["reconstruction"].item() == pytest.approx(squared + 384 * np.log(np.pi), rel=1e-12)


def test_gradients_are_those_of_the_closed_form():
    # d KL / d mean = mean, d KL / d logvar = (exp(logvar) - 1) / 2, each weighted by beta / B.
    g = torch.Generator().manual_seed(0)
    mean, logvar = (torch.randn(4, 3, generator=g).double().requires_grad_() for _ in range(2))
    logits = torch.zeros(4, 1, 2, 2, dtype=torch.float64)
    BetaVAELoss(beta=6)(VAEOutput(logits, mean, mean, logvar), logits, 0)["loss"].backward()
    torch.testing.assert_close(mean.grad, 6 * mean.detach() / 4)
    torch.testing.assert_close(logvar.grad, 6 * (logvar.detach().exp() - 1) / 8)


@pytest.mark.parametrize(("name", "beta"), [("vae", 1.0), ("beta_vae", 4.0), ("factor_vae", 1.0)])
def test_beta_weighs_the_kl_term_and_has_the_published_default(name, beta):
    assert build(LOSSES, name, kind="loss").beta == beta
    assert build(LOSSES, name, kind="loss", beta=10).beta == 10


@pytest.mark.parametrize("beta", [-1, float("nan"), float("inf"), "4", True])
def test_bad_beta_is_refused_in_one_sentence(beta):
    with pytest.raises(InputError, match=f"beta must be a number of at least 0, got {beta!r}"):
        BetaVAELoss(beta=beta)


def test_misspelt_parameter_is_refused_with_the_nearest():
    with pytest.raises(InputError, match="loss 'beta_vae' takes no parameter 'bta'; .*'beta'"):
        build(LOSSES, "beta_vae", kind="loss", bta=10)


@pytest.mark.parametrize(("step", "beta"), [(0, 0.5), (25, 1.375), (50, 2.25), (100, 4), (999, 4)])
def test_scheduled_beta_is_on_a_line_and_logged(output, images, step, beta):
    loss = BetaVAELoss(beta=4, beta_start=0.5, beta_steps=100)
    terms = loss(output, images, step)
    assert terms["beta"].item() == beta
    expected = terms["reconstruction"] + beta * terms["kl"]
    torch.testing.assert_close(terms["loss"], expected, rtol=1e-15, atol=0)


def test_constant_beta_is_not_a_term(output, images):
    assert "beta" not in BetaVAELoss(beta=4)(output, images, 0)


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"beta_steps": -1}, "beta_steps must be a number of at least 0, got -1"),
        ({"beta_start": -2.0, "beta_steps": 1}, "beta_start must be a number of at least 0"),
        ({"beta_start": 1.0}, "beta_start=1.0 has no effect without beta_steps; set both"),
    ],
)
def test_bad_schedule_is_refused_in_one_sentence(params, sentence):
    with pytest.raises(InputError, match=sentence):
        BetaVAELoss(**params)
