"""The table of layers."""

import pytest
import torch

from replearn.models import DECODERS, ENCODERS, VAE, Predictor, layer_table
from replearn.models.table import layer_lines


def count(model):
    return sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize("decoder", DECODERS)
def test_parameters_sum_to_those_of_a_vae(decoder):
    with torch.device("meta"):
        model = VAE((1, 32, 32), "kim", decoder)
    rows = layer_table(model)
    assert [row.name for row in rows] == model.layers()
    assert sum(row.n_parameters for row in rows) == count(model)


@pytest.mark.parametrize(
    ("operator", "parameters", "macs"),
    [  # 7 latents, 4 factors; as their formulas say
        ("fixint", 0, 0),
        ("interp", 7 * (18 + 1), 7 * 18),
        ("linear", 2 * 7 * (11 + 1), 2 * 7 * 11),
        ("mlp", 128 * 19 + 7 * 129, 128 * 18 + 7 * 128),
    ],
)
def test_an_operator_has_the_last_row_and_counts_in_the_totals(operator, parameters, macs):
    with torch.device("meta"):
        model = VAE((1, 32, 32), "kim", "kim", latent_size=7)
        plain = layer_table(model)
        model.compose_with(operator, n_factors=4)
        rows = layer_table(model)
    assert rows[:-1] == plain and tuple(rows[-1]) == ("operator", (7,), parameters, macs)
    assert sum(row.n_parameters for row in rows) == count(model)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_parameters_sum_to_those_of_a_predictor(encoder):
    with torch.device("meta"):
        model = Predictor((1, 32, 32), encoder, n_outputs=7)
    rows = layer_table(model)
    assert [row.name for row in rows] == model.layers()
    assert sum(row.n_parameters for row in rows) == count(model)


def test_rows_of_the_locatello_vae_are_those_counted_by_hand():
    rows = layer_table(VAE((1, 64, 64), "locatello", "locatello"))
    assert [tuple(row) for row in rows] == [
        ("encoder.0", (32, 32, 32), 17 * 32, 32 * 32 * 16 * 32),
        ("encoder.1", (32, 16, 16), (32 * 16 + 1) * 32, 16 * 16 * 32 * 16 * 32),
        ("encoder.2", (64, 8, 8), (32 * 4 + 1) * 64, 8 * 8 * 32 * 4 * 64),
        ("encoder.3", (64, 4, 4), (64 * 4 + 1) * 64, 4 * 4 * 64 * 4 * 64),
        ("encoder.4", (256,), 1025 * 256, 1024 * 256),
        ("mean", (10,), 2570, 2560),
        ("logvar", (10,), 2570, 2560),
        ("z", (10,), 0, 0),
        ("decoder.0", (256,), 11 * 256, 10 * 256),
        ("decoder.1", (64, 4, 4), 257 * 1024, 256 * 1024),
        ("decoder.2", (64, 8, 8), 64 * 64 * 16 + 64, 4 * 4 * 64 * 16 * 64),
        ("decoder.3", (32, 16, 16), 64 * 32 * 16 + 32, 8 * 8 * 64 * 16 * 32),
        ("decoder.4", (32, 32, 32), 32 * 32 * 16 + 32, 16 * 16 * 32 * 16 * 32),
        ("logits", (1, 64, 64), 32 * 16 + 1, 32 * 32 * 32 * 16),
    ]


def test_lines_have_a_head_and_the_totals_of_the_published_network():
    lines = layer_lines(layer_table(VAE((1, 64, 64), "locatello", "locatello")))
    rows = [line.split() for line in lines]
    assert rows[0] == ["layer", "shape", "parameters", "MACs"]
    assert rows[1] == ["encoder.0", "(32,", "32,", "32)", "544", "524,288"]
    assert rows[-1][:2] == ["total", f"{309_204 + 381_313:,}"]
    assert len({len(line) for line in lines}) == 1


def test_a_mode_of_one_part_is_kept():
    model = VAE((1, 32, 32), "kim_bn", "kim_bn")
    model.encoder.eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    layer_table(model)
    assert model.decoder.training and not model.encoder.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_the_model_is_left_as_it_was():
    model = VAE((1, 32, 32)).double()
    assert model.training
    layer_table(model)
    assert model.training
    assert not any(module._forward_hooks for module in model.modules())
    assert all(p.dtype == torch.float64 and p.grad is None for p in model.parameters())
