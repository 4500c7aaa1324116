"""The locatello networks against activations of the published TensorFlow code."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from replearn.models import VAE

GOLDEN = Path(__file__).parents[1] / "golden" / "vae_similarity.npz"
N_ENCODER_ARRAYS = 14


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN) as arrays:
        return {name: arrays[name] for name in arrays.files if name.startswith("arch__")}


@pytest.fixture(scope="module")
def drawn(golden):
    """Return the images and weights that the golden file was made with, drawn as it drew them.

    All from rng(6): images uniform, kernels normal with Glorot's deviation (Keras fans: the last
    two axes), biases normal with deviation 0.01. In TensorFlow's layouts, NHWC.
    """
    rng = np.random.default_rng(6)
    images = rng.random((4, 64, 64, 1))
    weights = []
    for shape in [*json.loads(str(golden["arch__enc_shapes"])),
                  *json.loads(str(golden["arch__dec_shapes"]))]:  # fmt: skip
        area = np.prod(shape[:-2], dtype=int)
        fans = area * (shape[-1] + shape[-2]) if len(shape) > 1 else None
        deviation = np.sqrt(2 / fans) if fans else 0.01
        weights.append(rng.normal(0, deviation, shape))
    return images, weights


def from_tensorflow(array):
    """Return a kernel in PyTorch's layout: the last two axes come first, swapped."""
    return array.transpose(3, 2, 0, 1) if array.ndim == 4 else array.T


def by_channel(array):
    """Reorder the last axis, a flattened 4 x 4 x 64 (NHWC) map, to 64 x 4 x 4 (NCHW)."""
    folded = array.reshape(*array.shape[:-1], 4, 4, 64)
    return np.moveaxis(folded, -1, -3).reshape(array.shape)


@pytest.fixture(scope="module")
def model(drawn):
    _, weights = drawn
    encoder, decoder = weights[:N_ENCODER_ARRAYS], list(weights[N_ENCODER_ARRAYS:])
    *trunk, mean_w, mean_b, logvar_w, logvar_b = encoder
    trunk[8] = by_channel(trunk[8].T).T
    decoder[2], decoder[3] = by_channel(decoder[2]), by_channel(decoder[3])
    head = [np.concatenate([mean_w, logvar_w], axis=1), np.concatenate([mean_b, logvar_b])]
    vae = VAE((1, 64, 64), "locatello", "locatello").double().eval()
    arrays = [*trunk, *head, *decoder]
    with torch.no_grad():
        for parameter, array in zip(vae.parameters(), arrays, strict=True):
            parameter.copy_(torch.from_numpy(from_tensorflow(array).copy()))
    return vae


@pytest.fixture(scope="module")
def activations(model, drawn):
    found = {}
    hooks = [
        module.register_forward_hook(
            lambda _, __, output, name=name: found.update({name: output.detach().numpy()})
        )
        for name, module in model.named_modules()
        if name in model.layers()
    ]
    images = torch.from_numpy(drawn[0].transpose(0, 3, 1, 2))
    output = model(images)
    for hook in hooks:
        hook.remove()
    return found | {
        name: getattr(output, name).detach().numpy() for name in ("mean", "logvar", "z", "logits")
    }


def test_posterior_is_that_of_the_published_encoder(golden, activations):
    np.testing.assert_allclose(activations["mean"], golden["arch__out__z_mean"], atol=1e-6)
    np.testing.assert_allclose(activations["logvar"], golden["arch__out__z_log_var"], atol=1e-6)


def test_logits_are_those_of_the_published_decoder(golden, activations):
    logits = activations["logits"][:, 0, ::8, ::8]
    np.testing.assert_allclose(logits, golden["arch__out__dec_logits_stride8"], atol=1e-6)


# The published list also holds the flattened and the reshaped map, which have the same numbers.
@pytest.mark.parametrize(
    ("prefix", "names"),
    [
        ("enc", ["encoder.0", "encoder.1", "encoder.2", "encoder.3", "encoder.3", "encoder.4"]),
        ("dec", ["decoder.0", "decoder.1", "decoder.1", "decoder.2", "decoder.3", "decoder.4",
                 "logits", "logits"]),
    ],
)  # fmt: skip
def test_layers_hold_the_published_activations(golden, activations, prefix, names):
    means = [activations[name].mean() for name in names]
    deviations = [activations[name].std() for name in names]
    np.testing.assert_allclose(means, golden[f"arch__out__{prefix}_act_mean"], atol=1e-6)
    np.testing.assert_allclose(deviations, golden[f"arch__out__{prefix}_act_std"], atol=1e-6)


def test_parameter_counts_are_the_golden_ones(golden, model):
    counts = [sum(p.numel() for p in part.parameters()) for part in (model.encoder, model.decoder)]
    assert counts == golden["arch__params_enc_dec_1ch"].tolist()
