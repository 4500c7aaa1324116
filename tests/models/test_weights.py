"""Stored weights fit the model, or a sentence says what does not."""

import pytest
import torch
from safetensors.torch import load, save

from replearn.errors import InputError
from replearn.models import VAE, Predictor, initialise
from replearn.models.weights import load_weights


def test_running_statistics_travel_with_the_weights():
    trained, copy = (VAE((1, 32, 32), "kim_bn", "kim_bn", 4) for _ in range(2))
    initialise(trained, torch.Generator().manual_seed(0))
    images = torch.rand(6, 1, 32, 32)
    for _ in range(3):
        trained(images)
    load_weights(copy, load(save(trained.state_dict())), "run 1")
    assert copy.encoder[0][2].num_batches_tracked.item() == 3
    assert torch.equal(copy.eval()(images).logits, trained.eval()(images).logits)
    trained.train()(images)
    assert not torch.equal(copy(images).logits, trained.eval()(images).logits)


@pytest.mark.parametrize(
    ("stored", "sentence"),
    [
        (VAE((1, 32, 48)), r"encoder.4.1.weight has the shape \(256, 256\) in the model and has "
         r"the shape \(256, 384\) among the weights; they belong to images of another size"),
        (VAE((3, 32, 32)), r"encoder.0.0.weight .* \(32, 1, 4, 4\) .* \(32, 3, 4, 4\) among"),
        (VAE((1, 32, 32), decoder="sbd3"), "decoder.0.0.weight .* does not exist among"),
        (VAE((1, 32, 32), "kim_bn"), r"encoder.0.2.weight does not exist in the model"),
        (Predictor((1, 32, 32), n_outputs=20), "decoder.0.0.weight .* does not exist among"),
    ],
)  # fmt: skip
def test_weights_of_another_model_are_refused_in_one_sentence(stored, sentence):
    model = VAE((1, 32, 32))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    begin = "^the weights of run 7 do not fit its model for images of 1 x 32 x 32: "
    with pytest.raises(InputError, match=f"{begin}{sentence}"):
        load_weights(model, stored.state_dict(), "run 7")
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
