"""Activations equal what the layers compute, and a model is left as it was."""

import hashlib
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from replearn.analysis.activations import (
    BATCH,
    activations,
    code_version,
    fingerprint,
    probe_indices,
    stream_activations,
)
from replearn.errors import InputError
from replearn.models.initialisation import initialise
from replearn.models.vae import VAE


@dataclass(frozen=True)
class Output:
    logits: Tensor
    pair: tuple


class Net(nn.Module):
    """A convolution, an in-place ReLU, batch normalisation, and a head."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 3, 3)
        self.act = nn.ReLU(inplace=True)
        self.norm = nn.BatchNorm2d(3)
        self.head = nn.Linear(3 * 4 * 4, 2)
        self.unused = nn.Linear(2, 2)

    def forward(self, x):
        h = self.norm(self.act(self.conv(x)))
        return Output(self.head(self.act(h).flatten(1)), (h, h))


@pytest.fixture
def net():
    torch.manual_seed(0)
    return Net()


@pytest.fixture
def images():
    return torch.rand(7, 1, 6, 6, generator=torch.Generator().manual_seed(1))


def test_layers_are_what_the_model_computes(net, images):
    found = activations(net, ["head", "conv", "input", "logits"], images.split(3))
    assert list(found) == ["head", "conv", "input", "logits"]
    net.eval()
    with torch.no_grad():
        conv = net.conv(images)
        head = net(images).logits
    # The convolution before its in-place ReLU: negative values are still there.
    assert conv.min() < 0
    torch.testing.assert_close(found["conv"], conv.flatten(1))
    torch.testing.assert_close(found["head"], head)
    torch.testing.assert_close(found["logits"], head)
    torch.testing.assert_close(found["input"], images.flatten(1))
    assert not found["head"].requires_grad


def test_spatial_mean(net, images):
    found = activations(net, ["conv", "head"], [images], pooling="mean")
    full = activations(net, ["conv", "head"], [images])
    torch.testing.assert_close(found["conv"], full["conv"].reshape(7, 3, 16).mean(2))
    torch.testing.assert_close(found["head"], full["head"])


def test_batches_do_not_matter(net):
    images = torch.rand(2 * BATCH + 13, 1, 6, 6)
    whole = activations(net, ["logits", "conv"], [images])
    for size in (1, 64, BATCH):
        found = activations(net, ["logits", "conv"], images.split(size))
        assert all(torch.equal(found[layer], whole[layer]) for layer in whole)


@pytest.mark.parametrize("layers", [["conv"], ["cnov"], ["pair"]])
def test_the_model_is_left_as_it_was(net, images, layers):
    net.train()
    net.norm.eval()
    modes = [m.training for m in net.modules()]
    before = {k: v.clone() for k, v in net.state_dict().items()}
    try:
        activations(net, layers, [images])
    except InputError:
        assert layers != ["conv"]
    assert [m.training for m in net.modules()] == modes
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())
    assert not any(m._forward_hooks for m in net.modules())


def test_bad_layers_are_refused_in_a_sentence(net, images):
    with pytest.raises(InputError, match="Net has no layer 'cnov'; did you mean 'conv'"):
        activations(net, ["cnov"], [images])
    with pytest.raises(InputError, match="layer 'pair' gives a tuple"):
        activations(net, ["pair"], [images])
    with pytest.raises(InputError, match="layer 'act' runs 2 times"):
        activations(net, ["act"], [images])
    with pytest.raises(InputError, match="layer 'unused' runs 0 times"):
        activations(net, ["unused"], [images])
    with pytest.raises(InputError, match="unknown pooling 'maen'; did you mean 'mean'"):
        activations(net, ["conv"], [images], pooling="maen")
    with pytest.raises(InputError, match="unknown latent"):
        activations(net, ["conv"], [images], latent="noise")
    with pytest.raises(InputError, match="no images"):
        activations(net, ["conv"], [])
    with pytest.raises(InputError, match="no images"):
        list(stream_activations(net, ["conv"], lambda: []))


@pytest.mark.parametrize("memory, passes", [(1.0, 3), (1e-9, 5)])
def test_streaming_gives_the_same_in_several_passes(net, images, memory, passes):
    count = 0

    def batches():
        nonlocal count
        count += 1
        return images.split(4)

    layers = ["conv", "norm", "logits"]
    found = dict(stream_activations(net, layers, batches, memory_gib=memory))
    expected = activations(net, layers, [images])
    assert list(found) == layers
    assert all(torch.equal(found[layer], expected[layer]) for layer in layers)
    # The first batch and the count, then one pass for each group of layers.
    assert count == passes


def vae(seed):
    model = VAE((1, 64, 64), encoder="kim", decoder="kim", latent_size=6)
    initialise(model, torch.Generator().manual_seed(seed))
    return model


def test_every_declared_layer_of_a_vae():
    model, images = vae(0), torch.rand(5, 1, 64, 64)
    found = activations(model, ["input", *model.layers()], [images])
    assert all(x.shape[0] == 5 and x.dtype == torch.float32 for x in found.values())
    mean, logvar = model.encode(images)
    torch.testing.assert_close(found["mean"], mean.detach())
    torch.testing.assert_close(found["z"], mean.detach())
    torch.testing.assert_close(found["logvar"], logvar.detach())
    torch.testing.assert_close(found["logits"], model.decode(mean).detach().flatten(1))


@pytest.mark.slow
def test_sampled_latents_share_their_noise_between_models():
    images = torch.rand(BATCH + 20, 1, 64, 64)
    noises = []
    for seed in (0, 1):
        model = vae(seed)
        found = activations(model, ["mean", "logvar", "z"], images.split(33), latent="sample")
        noises.append((found["z"] - found["mean"]) / (found["logvar"] / 2).exp())
    torch.testing.assert_close(noises[0], noises[1], atol=1e-4, rtol=1e-4)
    assert noises[0].std() == pytest.approx(1, abs=0.1)
    other = activations(model, ["z"], [images], latent="sample", noise_seed=1)
    assert not torch.allclose(other["z"], found["z"], atol=1e-2)


def test_fingerprint_sees_values_order_shape_and_type_but_not_batches(images):
    own = fingerprint(images.split(2))
    assert own == fingerprint([images]) == fingerprint(images.split(3))
    header = f"(torch.float32, {(1, 6, 6)})".encode()
    assert own == hashlib.sha256(header + images.numpy().tobytes() + b"7").hexdigest()
    changed = images.clone()
    changed[3, 0, 2, 2] += 1e-6
    others = [changed, images.flip(0), images.reshape(7, 6, 1, 6), images[:6], images.double()]
    assert len({own, *(fingerprint([other]) for other in others)}) == 6
    with pytest.raises(InputError, match="no images"):
        fingerprint([])


def test_probe_indices():
    first = probe_indices(5000, 1000, seed=3)
    assert len(np.unique(first)) == 1000 and (np.diff(first) > 0).all() and first.max() < 5000
    np.testing.assert_array_equal(first, probe_indices(5000, 1000, seed=3))
    assert not np.array_equal(first, probe_indices(5000, 1000, seed=4))
    held_out = np.arange(0, 5000, 7)
    assert np.isin(probe_indices(5000, 100, among=held_out), held_out).all()
    with pytest.raises(InputError, match="1 to 10 images, got 11"):
        probe_indices(10, 11)


def test_code_version_changes_with_the_structure(net):
    assert code_version(net) == code_version(Net())
    wider = Net()
    wider.act = nn.GELU()
    assert code_version(net) != code_version(wider)
