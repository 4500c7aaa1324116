"""The Hellinger distance: golden, numeric integrals, behaviour at equality."""

import numpy as np
import pytest
import torch
from scipy import integrate, stats

from replearn.training.hellinger_vae import HellingerVAELoss, gaussian_hellinger


def test_hellinger_is_the_golden_one(golden, output):
    found = 100 * gaussian_hellinger(output.mean, output.logvar)
    expected = golden["loss__out__hellinger100_per_sample__f64"]
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=0)
    # The published code, on a tenth of means and log-variances, in float32.
    near = gaussian_hellinger(0.1 * output.mean, 0.1 * output.logvar)
    np.testing.assert_allclose(near, golden["loss__out__hellinger1_scaled01_per_sample"], rtol=1e-5)


@pytest.mark.parametrize(("mean", "deviation"), [(0.0, 0.3), (1.5, 1.0), (-2.0, 2.5), (4.0, 0.05)])
def test_hellinger_of_one_latent_is_its_integral(mean, deviation):
    p, q = stats.norm(mean, deviation), stats.norm()
    overlap, _ = integrate.quad(
        lambda z: np.sqrt(p.pdf(z) * q.pdf(z)), -12, 12, points=[mean, 0], limit=200
    )
    found = gaussian_hellinger(
        torch.tensor([[mean]]).double(), torch.tensor([[2 * np.log(deviation)]])
    )
    assert found.item() == pytest.approx(np.sqrt(1 - overlap), rel=1e-7)


def test_hellinger_of_two_latents_is_their_integral():
    p = stats.multivariate_normal([1.0, -0.5], np.diag([0.25, 2.0]))
    q = stats.multivariate_normal([0.0, 0.0])
    points = np.stack(np.meshgrid(*2 * [np.linspace(-12, 12, 1201)]), axis=-1)
    overlap = np.sqrt(p.pdf(points) * q.pdf(points)).sum() * 0.02**2
    logvar = torch.log(torch.tensor([[0.25, 2.0]], dtype=torch.float64))
    found = gaussian_hellinger(torch.tensor([[1.0, -0.5]]).double(), logvar)
    assert found.item() == pytest.approx(np.sqrt(1 - overlap), rel=1e-9)


def test_near_and_far_from_the_prior_it_stays_exact_in_float32():
    # Small shifts m: H = m / sqrt(8); far away H = 1; at equality value and gradient are 0.
    mean = torch.tensor([[1e-4, 0.0], [60.0, 0.0], [0.0, 0.0]], requires_grad=True)
    logvar = torch.tensor([[0.0, 0.0], [-60.0, 60.0], [0.0, 0.0]], requires_grad=True)
    found = gaussian_hellinger(mean, logvar)
    np.testing.assert_allclose(found.detach(), [1e-4 / np.sqrt(8), 1, 0], rtol=1e-5, atol=1e-15)
    found.sum().backward()
    assert torch.isfinite(mean.grad).all() and torch.isfinite(logvar.grad).all()
    assert mean.grad[0, 0].item() == pytest.approx(1 / np.sqrt(8), rel=1e-4)
    assert mean.grad[2].abs().sum() == 0


def test_loss_weighs_the_distance_as_published_and_can_warm_up(golden, output, images):
    distance = golden["loss__out__hellinger100_per_sample__f64"].mean().item()
    terms = HellingerVAELoss()(output, images, 0)
    assert list(terms) == ["loss", "reconstruction", "kl", "hellinger"]
    assert terms["hellinger"].item() == pytest.approx(distance / 100, rel=1e-12)
    assert terms["loss"].item() == pytest.approx(823.6180855923699 + distance, rel=1e-12)
    half = HellingerVAELoss(beta_steps=10)(output, images, 5)
    assert half["beta"] == 50
    assert half["loss"].item() == pytest.approx(823.6180855923699 + distance / 2, rel=1e-12)
