"""Models of stored runs."""

import pytest
import torch
from safetensors.torch import save

from replearn.errors import InputError
from replearn.models import VAE, initialise
from replearn.runs.query import load_run
from replearn.training.checkpoints import weights_name

MODEL = {"name": "vae", "encoder": "kim_bn", "decoder": "kim_bn", "latent_size": 4}


@pytest.fixture
def stored(store_run, database):
    """Return a trained kim_bn for 32 x 32 pixels, and a function that stores its run."""
    model = VAE((1, 32, 32), "kim_bn", "kim_bn", 4)
    initialise(model, torch.Generator().manual_seed(0))
    for _ in range(5):
        model(torch.rand(4, 1, 32, 32))

    def run(image_shape):
        artifacts = {weights_name(5): save(model.state_dict())}
        # The metrics of `info` are a list without which a run is taken for incomplete.
        info = {"metrics": [], "image_shape": image_shape}
        return load_run(store_run({"model": MODEL}, artifacts=artifacts, info=info), database)

    return model, run


def test_a_run_gives_its_model_with_the_running_statistics(stored):
    model, run = stored
    rebuilt = run([1, 32, 32]).model()
    images = torch.rand(3, 1, 32, 32)
    assert not rebuilt.training
    assert rebuilt.encoder[0][2].num_batches_tracked.item() == 5
    assert torch.equal(rebuilt(images).logits, model.eval()(images).logits)


def test_weights_for_another_image_size_are_refused_in_one_sentence(stored):
    _, run = stored
    sentence = r"weights of run \d+ do not fit its model for images of 1 x 64 x 64: encoder.4.1.wei"
    with pytest.raises(InputError, match=sentence):
        run([1, 64, 64]).model()


def test_images_of_another_size_are_refused_in_one_sentence(stored):
    _, run = stored
    with pytest.raises(InputError, match=r"^expected images of shape \(B, 1, 32, 32\), got \(2, 1"):
        run([1, 32, 32]).model()(torch.zeros(2, 1, 28, 28))
