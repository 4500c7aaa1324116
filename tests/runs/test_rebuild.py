"""Models and data of stored runs."""

import hashlib

import numpy as np
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


@pytest.fixture
def spriteworld(tmp_path, monkeypatch):
    """A checkout in which somebody's own circles.npz lies, 2 x 2 images in the lost format."""
    monkeypatch.setenv("REPLEARN_HOME", str(tmp_path))
    monkeypatch.delenv("REPLEARN_DATA", raising=False)
    (tmp_path / "data").mkdir()
    table = np.stack(np.meshgrid([0.1, 0.9], [0.1, 0.9], indexing="ij"), -1).reshape(4, 2)
    path = tmp_path / "data" / "circles.npz"
    np.savez(
        path, images=np.zeros((4, 64, 64, 3), np.uint8), img_size=[64, 64], factors=["x", "y"],
        factor_sizes=[2, 2], factor_values=table,
    )  # fmt: skip
    return path


def test_a_run_gives_the_images_it_was_trained_on_or_a_sentence(spriteworld, store_run, database):
    def run(is_twin, digest, source="auto"):
        info = {"metrics": [], "dataset": {"is_twin": is_twin}}
        section = {"name": "circles", "source": source}
        run_id = store_run({"dataset": section}, info=info, identity={"data": digest})
        return load_run(run_id, database)

    own = hashlib.sha256(spriteworld.read_bytes()).hexdigest()
    assert len(run(False, own).dataset()) == 4
    # Trained on the twin before the file came.
    twin = run(True, "spriteworld-twin 1").dataset()
    assert twin.is_twin and len(twin) == 4096
    with pytest.raises(InputError, match=r"trained on other images of circles \(published, 5555.*"):
        run(False, 64 * "5").dataset()
    spriteworld.unlink()
    sentence = (
        rf"run \d was trained on other images of circles \(published, {own[:24]}\) than those that "
        r"are here \(drawn by replearn, spriteworld-twin 1\); bring back its files$"
    )
    with pytest.raises(InputError, match=sentence):
        run(False, own).dataset()
    with pytest.raises(InputError, match=r"drawn by replearn, spriteworld-twin 0\) than those"):
        run(True, "spriteworld-twin 0", "twin").dataset()
