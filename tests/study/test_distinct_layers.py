"""No two layers that an analysis compares are one: no flattened or copied twin of another."""

import numpy as np
import pytest
import torch

from replearn.analysis.activations import activations
from replearn.analysis.similarity import compare_all
from replearn.models import DECODERS, ENCODERS, VAE, initialise
from replearn.models.predictor import Predictor

SHAPE = (1, 32, 32)


def closest(model, layers, images):
    """The largest debiased CKA of two layers, with their names."""
    found = compare_all(activations(model, layers, [images]), "cka_debiased")
    matrix = np.nan_to_num(found.values["cka_debiased"] - 2 * np.eye(len(layers)), nan=-2)
    i, j = np.unravel_index(matrix.argmax(), matrix.shape)
    return matrix[i, j], layers[i], layers[j]


def fresh(model):
    initialise(model, torch.Generator().manual_seed(0))
    return model.eval()


@pytest.fixture(scope="module")
def images():
    return torch.rand(24, *SHAPE, generator=torch.Generator().manual_seed(1))


# A twin has a CKA of 1 up to rounding, 1e-12; a layer that is nearly linear, much less.
TWIN = 1 - 1e-9


@pytest.mark.parametrize("name", dict.fromkeys([*ENCODERS, *DECODERS]))
def test_all_layers_of_a_fresh_network_differ(name, images):
    encoder, decoder = (name if name in every else "kim" for every in (ENCODERS, DECODERS))
    model = fresh(VAE(SHAPE, encoder, decoder, latent_size=4))
    # Where decoders get the mean, z is the mean.
    layers = [layer for layer in model.layers() if layer != "z"]
    value, *names = closest(model, layers, images)
    assert value < TWIN, names
    if name in ENCODERS:
        model = fresh(Predictor(SHAPE, name, n_outputs=5))
        value, *names = closest(model, model.layers(), images)
        assert value < TWIN, names


def test_a_twin_would_be_found(images):
    model = fresh(VAE(SHAPE, "kim", "kim", latent_size=4))
    value, *names = closest(model, model.layers(), images)
    assert value > TWIN and set(names) == {"mean", "z"}
    encoder_head = f"encoder.{len(model.encoder) - 2}"
    twins = [encoder_head, *[n for n, _ in model.named_modules() if n.startswith(encoder_head)][1:]]
    assert closest(model, twins, images)[0] > TWIN
