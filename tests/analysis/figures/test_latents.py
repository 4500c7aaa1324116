"""Distributions of latents: bodies, prior and KL, in the order of the KL."""

import numpy as np
import pytest

from replearn.analysis.figures import latent_distributions
from replearn.errors import InputError


def bodies(axes, count):
    return [axes.findobj(lambda a, d=d: a.get_gid() == f"latent {d}")[0] for d in range(count)]


def test_latents_are_sorted_by_kl_beside_the_prior(artists, labels):
    rng = np.random.default_rng(0)
    # One latent of each kind: like the prior for every image; used; used less.
    mean = np.stack([np.zeros(500), rng.normal(size=500), 0.5 * rng.normal(size=500)], axis=1)
    logvar = np.log(np.tile([1.0, 0.01, 0.5], (500, 1)))
    figure = latent_distributions(mean, logvar)
    means, variances, kl = figure.axes
    assert labels(kl.xaxis) == ["prior", "z₁", "z₂", "z₀"]
    heights = [patch.get_height() for patch in kl.patches]
    # KL of N(m, v): (m² + v - 1 - ln v) / 2.
    expected = 0.5 * (mean**2 + np.exp(logvar) - 1 - logvar).mean(axis=0)
    assert heights == pytest.approx(expected[[1, 2, 0]])
    for body, d in zip(bodies(means, 3), [1, 2, 0], strict=True):
        box = body.get_paths()[0].get_extents()
        assert box.y0 <= mean[:, d].min() + 0.2 and box.y1 >= mean[:, d].max() - 0.2
        assert box.width == pytest.approx(0.84)
    assert variances.get_yscale() == "log"
    for body, variance in zip(bodies(variances, 3), [0.01, 0.5, 1.0], strict=True):
        # The widest steps of the mirrored histogram hold the only value.
        points = np.concatenate([path.vertices for path in body.get_paths()])
        widest = points[np.isclose(points[:, 0], points[:, 0].min()), 1]
        assert widest.min() <= variance <= widest.max() < 1.5 * widest.min()
    # The prior's density, exp(-z²/2) at one standard deviation against its mode.
    (prior,) = artists(means, "prior")
    points = prior.get_paths()[0].vertices
    left = points[points[:, 0] <= -1]
    order = np.argsort(left[:, 1])
    half = np.interp([0.0, 1.0], left[order, 1], -1 - left[order, 0])
    assert half[1] / half[0] == pytest.approx(np.exp(-0.5), abs=0.005)


def test_latents_of_no_spread_are_drawn(labels):
    figure = latent_distributions(np.zeros((4, 2)), np.zeros((4, 2)), kl=[0.0, 1.0])
    assert labels(figure.axes[2].xaxis) == ["prior", "z₁", "z₀"]


def test_bad_latents_are_refused():
    with pytest.raises(InputError, match=r"not \(3, 2\) and \(3, 1\)"):
        latent_distributions(np.zeros((3, 2)), np.zeros((3, 1)))
    with pytest.raises(InputError, match="2 latents need as many KL values"):
        latent_distributions(np.zeros((3, 2)), np.zeros((3, 2)), kl=[1.0])
    with pytest.raises(InputError, match="the model diverged"):
        latent_distributions(np.full((3, 2), np.nan), np.zeros((3, 2)), kl=[1.0, 2.0])
