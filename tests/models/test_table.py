"""The table of layers."""

import pytest
import torch

from replearn.models import ENCODERS, VAE, Predictor, layer_table


def count(model):
    return sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize("name", ENCODERS)
@pytest.mark.parametrize(
    "make", [lambda n: VAE((1, 32, 32), n, n), lambda n: Predictor((1, 32, 32), n, n_outputs=7)]
)
def test_parameters_sum_to_those_of_the_model(name, make):
    model = make(name)
    rows = layer_table(model)
    assert [row.name for row in rows] == model.layers()
    assert sum(row.n_parameters for row in rows) == count(model)


def test_rows_of_the_locatello_vae_are_those_counted_by_hand():
    rows = layer_table(VAE((1, 64, 64), "locatello", "locatello"))
    assert [tuple(row) for row in rows] == [
        ("encoder.0", (32, 32, 32), 17 * 32),
        ("encoder.1", (32, 16, 16), (32 * 16 + 1) * 32),
        ("encoder.2", (64, 8, 8), (32 * 4 + 1) * 64),
        ("encoder.3", (64, 4, 4), (64 * 4 + 1) * 64),
        ("encoder.4", (256,), 1025 * 256),
        ("mean", (10,), 2570),
        ("logvar", (10,), 2570),
        ("z", (10,), 0),
        ("decoder.0", (256,), 11 * 256),
        ("decoder.1", (64, 4, 4), 257 * 1024),
        ("decoder.2", (64, 8, 8), 64 * 64 * 16 + 64),
        ("decoder.3", (32, 16, 16), 64 * 32 * 16 + 32),
        ("decoder.4", (32, 32, 32), 32 * 32 * 16 + 32),
        ("logits", (1, 64, 64), 32 * 16 + 1),
    ]


def test_the_model_is_left_as_it_was():
    model = VAE((1, 32, 32)).double()
    assert model.training
    layer_table(model)
    assert model.training
    assert not any(module._forward_hooks for module in model.modules())
    assert all(p.dtype == torch.float64 and p.grad is None for p in model.parameters())
