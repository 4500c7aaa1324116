"""The predictor: an encoder with an affine head."""

import pytest
import torch

from replearn.errors import InputError
from replearn.models import ENCODERS, MODELS, Predictor
from replearn.registry import build


@pytest.mark.parametrize("encoder", ENCODERS)
def test_logits_are_the_encoder_head(encoder):
    model = Predictor((3, 32, 32), encoder, n_outputs=7).eval()
    images = torch.rand(4, 3, 32, 32)
    output = model(images, torch.Generator())
    assert output.logits.shape == (4, 7)
    assert torch.equal(output.logits, model.encoder(images))
    assert model.layers()[-1] == "logits"
    assert model.heads["logits"] == f"encoder.{len(model.layers()) - 1}"


def test_images_of_another_shape_are_refused():
    with pytest.raises(InputError, match=r"shape \(B, 1, 28, 28\), got \(4, 1, 32, 32\)"):
        Predictor((1, 28, 28), n_outputs=3)(torch.zeros(4, 1, 32, 32))


def test_outputs_are_counted():
    with pytest.raises(InputError, match="n_outputs must be a positive integer, got 0"):
        build(MODELS, "predictor", image_shape=(1, 28, 28), n_outputs=0)


def test_the_number_of_outputs_follows_from_the_data_and_has_no_default():
    with pytest.raises(InputError, match="model 'predictor' needs 'n_outputs'"):
        build(MODELS, "predictor", kind="model", image_shape=(1, 28, 28))
