"""What is expected of auto-encoders and sought in their latents is what images can have."""

import numpy as np
import pytest
import torch

from replearn.dataset.images import FactorSpace, ImageDataset
from replearn.models import initialise
from replearn.models.cascade_vae import CascadeVAE
from replearn.models.vae import VAE
from replearn.study.best_latents import best_latents, drawing_error
from replearn.study.recombination import Images, expectation_of, expected_codes
from replearn.training.seeds import make_generator

SPACE = FactorSpace(("kind", "x"), (3, 6))
SHAPE = (1, 64, 64)
SIZES = {"encoder": "burgess", "decoder": "burgess", "latent_size": 4}


def ready(model):
    """The model with weights of its own, large enough that latents matter."""
    initialise(model, make_generator(0))
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(1.6)
    return model.eval()


@pytest.fixture
def cascade():
    return ready(CascadeVAE(SHAPE, **SIZES, n_categories=3))


@pytest.fixture
def fitted():
    """600 images of 18 combinations, and codes: two latents of the factors, and the kind."""
    factors = SPACE.factors(np.arange(600) % 18)
    noise = np.random.default_rng(0).normal(size=(600, 4))
    kind = np.random.default_rng(1).permuted(factors[:, 0])
    kind = np.where(np.arange(600) % 4, factors[:, 0], kind)  # three in four, and by chance
    codes = np.hstack([noise + factors.sum(axis=1, keepdims=True), np.eye(3)[kind]])
    data = ImageDataset("world", torch.zeros((600, 1, 2, 2), dtype=torch.uint8), factors, SPACE)
    return codes, Images(data, np.arange(600), torch.device("cpu"))


def test_distances_are_of_latents_not_of_indicators(fitted):
    codes, images = fitted
    expectation = expectation_of(SPACE, codes, images, latent_size=4)
    assert expectation.active.tolist() == [True] * 4 + [False] * 3
    rms = np.sqrt(np.square(expectation.distance(codes, images.factors)).mean())
    # Of 600 images, 8 effects are fitted.
    assert rms == pytest.approx(np.sqrt((600 - 8) / 600), rel=1e-5)
    r2 = expectation.r2(codes, images.factors)
    assert np.isnan(r2).tolist() == [False] * 4 + [True] * 3


def test_the_expected_category_is_the_most_frequent_and_a_whole_one(fitted, cascade):
    codes, images = fitted
    expectation = expectation_of(SPACE, codes, images, latent_size=4)
    expected = expected_codes(cascade, expectation, images)
    np.testing.assert_array_equal(expected[:, 4:], np.eye(3)[images.factors[:, 0]])
    np.testing.assert_allclose(
        expected[:, :4], expectation.expected(images.factors)[:, :4], rtol=1e-5, atol=1e-5
    )


def test_nothing_is_expected_beyond_the_bounds(fitted):
    codes, images = fitted
    model = VAE(SHAPE, **SIZES, posterior="bounded")
    expectation = expectation_of(SPACE, codes[:, :4], images, latent_size=4)
    sums = expectation.expected(images.factors)
    assert np.abs(sums).max() > 5
    np.testing.assert_allclose(
        expected_codes(model, expectation, images), np.clip(sums, -1, 1), rtol=1e-5
    )


def test_a_category_that_is_not_learned_yet_is_none():
    model = CascadeVAE(SHAPE, **SIZES, n_categories=3, category_warm_up=5)
    assert model.nearest_codes(torch.ones(2, 7)).tolist() == [[1] * 4 + [0] * 3] * 2


@pytest.mark.slow
def test_the_search_tries_each_category_and_no_mixture(cascade):
    random = torch.Generator().manual_seed(0)
    latents = torch.randn((6, 4), generator=random)
    true = torch.eye(3)[torch.arange(6) % 3]
    with torch.no_grad():
        images = torch.sigmoid(cascade.decode(torch.cat([latents, true], 1)))
    wrong = torch.eye(3)[(torch.arange(6) + 1) % 3]
    start = torch.cat([latents, wrong], 1)
    best, least = best_latents(cascade, images, start)
    assert torch.equal(best[:, 4:], true)
    assert least.numpy() == pytest.approx(np.zeros(6), abs=1e-9)
    with torch.no_grad():
        assert torch.allclose(drawing_error(cascade, best, images), least)


@pytest.mark.slow
def test_the_search_stays_where_an_encoder_can_go():
    model = ready(VAE(SHAPE, **SIZES, posterior="bounded"))
    start = torch.tensor([[1.0, -1.0, 0.0, 0.5]] * 3)
    with torch.no_grad():
        # What lies far outside draws images best.
        images = torch.sigmoid(model.decode(4 * start + 1))
        first = drawing_error(model, start, images)
    best, least = best_latents(model, images, start)
    assert (best.abs() <= 1).all()
    assert (least < first).all()
