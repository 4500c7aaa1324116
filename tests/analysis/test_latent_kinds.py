"""Active, mixed and passive latents, and what collapse does to means and samples."""

from pathlib import Path

import numpy as np
import pytest

from replearn.analysis.latent_kinds import latent_kinds, latent_report
from replearn.analysis.similarity import compare
from replearn.errors import InputError


@pytest.fixture
def posterior():
    """A function: means, log-variances and samples of a VAE that uses some of its latents."""

    def draw(used, latents=10, n=1000, width=0.0):
        rng = np.random.default_rng(0)
        mean, logvar = np.zeros((2, n, latents))
        mean[:, :used] = rng.standard_normal((n, used))
        logvar[:, :used] = width
        return mean, logvar, mean + np.exp(logvar / 2) * rng.standard_normal((n, latents))

    return draw


def test_kinds_are_the_published_ones():
    with np.load(Path(__file__).parents[1] / "golden" / "vae_similarity.npz") as arrays:
        kinds = latent_kinds(arrays["filter__in__logvar"])
        for kind in ("active", "mixed", "passive"):
            wanted = arrays[f"filter__out__{kind}_variables_idx"]
            assert np.flatnonzero(kinds == kind).tolist() == wanted.tolist()


def test_the_limits_of_kinds():
    steady = {0.05: "active", 0.1: "active", 0.11: "mixed", 0.89: "mixed", 0.91: "passive",
              1.09: "passive", 1.2: "mixed", 3.0: "mixed"}  # fmt: skip
    logvar = np.log(np.tile(list(steady), (7, 1)))
    logvar[:, 1] -= 1e-12
    assert latent_kinds(logvar).tolist() == list(steady.values())
    # A mean variance of 1 is not passive where it changes from input to input.
    unsteady = np.log([[0.5], [1.5], [0.6], [1.4]])
    assert latent_kinds(unsteady).tolist() == ["mixed"]


def test_similarity_of_means_and_samples_falls_as_latents_collapse(posterior):
    found = {used: latent_report(*posterior(used, width=-5.0)) for used in (2, 5, 10)}
    assert [found[used].count("passive") for used in found] == [8, 5, 0]
    assert [found[used].count("active") for used in found] == [2, 5, 10]
    for used, report in found.items():
        # Of normal latents: |C|^2 / (|C| |C + S|), C the covariance of the means, S of the noise.
        wanted = used**0.5 / np.sqrt(used * (1 + np.exp(-5)) ** 2 + 10 - used)
        assert abs(report.cka - wanted) < 4 * report.cka_error + 1e-3
        assert report.of_means.mle.value == pytest.approx(used, rel=0.2)
        # Noise fills all latents of a sample: at N = 1000 nine of ten are seen.
        assert report.of_samples.mle.value == pytest.approx(8.7, abs=0.5)
    assert found[10].cka > 0.99 and abs(found[10].dimension_difference) < 0.3
    assert found[2].dimension_difference > 6


def test_the_similarity_is_debiased_cka_with_its_standard_error(posterior):
    mean, logvar, z = posterior(3, n=200, width=-1.0)
    report = latent_report(mean, logvar, z)
    assert report.cka == pytest.approx(compare(mean, z, "cka_debiased"), abs=1e-12)
    # The jackknife of the same value, input by input.
    without = [
        compare(np.delete(mean, i, 0), np.delete(z, i, 0), "cka_debiased") for i in range(200)
    ]
    assert report.cka_error == pytest.approx(np.std(without) * np.sqrt(199), rel=0.05)


def test_a_collapsed_model_has_no_dimension_of_its_means(posterior):
    mean, logvar, z = posterior(0)
    report = latent_report(mean, logvar, z)
    assert report.count("passive") == 10
    assert np.isnan([report.cka, report.of_means.mle.value, report.dimension_difference]).all()
    assert report.of_means.variance == 0
    assert report.of_samples.mle.value == pytest.approx(8.7, abs=0.5)


def test_variances_that_are_not_finite_are_refused():
    for value in (1000.0, np.nan):
        with pytest.raises(InputError, match="hold NaN or infinite values; the model diverged"):
            latent_kinds(np.full((5, 2), value))
