"""What holds for models of other latents as for the VAE: layers, resuming, precision."""

import pytest
import torch

from replearn.analysis.activations import activations
from replearn.models import MODELS, initialise
from replearn.training.losses import LOSSES
from replearn.training.resume import TENSORS, load_state, save_state

NAMES = ("cascade_vae", "lie_group_vae")
SHAPE = (1, 32, 32)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def images(seed=1):
    x = torch.rand(8, *SHAPE, generator=generator(seed)).round()
    return x.contiguous(memory_format=torch.channels_last)


class Training:
    """A model with its loss and optimiser, and the losses of the steps that it takes."""

    def __init__(self, name, precision):
        self.model = MODELS[name](SHAPE).train().to(memory_format=torch.channels_last)
        initialise(self.model, generator())
        self.loss, self.half = LOSSES[name](), precision == "bf16"
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3)
        self.noise, self.seen = generator(2), []

    def step(self, k):
        x = images(10 + k)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.half):
            terms = self.loss(self.model(x, self.noise), x, k, self.noise)
        self.optimizer.zero_grad()
        terms["loss"].backward()
        self.optimizer.step()
        self.seen.append(terms["loss"].item())

    @property
    def parts(self):
        return self.model, self.loss, self.optimizer, self.noise


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("name", NAMES)
def test_a_resumed_training_is_bit_for_bit_the_other_and_learns(name, precision):
    whole, resumed = Training(name, precision), Training(name, precision)
    for k in range(6):
        if k == 3:
            load_state(save_state(*whole.parts)[TENSORS], *resumed.parts)
        whole.step(k)
    for k in range(3, 6):
        resumed.step(k)
    assert resumed.seen == whole.seen[3:]
    assert whole.seen[-1] < whole.seen[0]
    states = (each.model.state_dict() for each in (whole, resumed))
    assert all(torch.equal(a, b) for a, b in zip(*(s.values() for s in states), strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_activations_of_every_layer_are_those_of_the_final_pass(name):
    model = MODELS[name](SHAPE)
    initialise(model, generator())
    model.eval()
    found = activations(model, model.layers(), [images()])
    assert list(found) == model.layers()
    output = model(images())
    for field in ("mean", "z", "logits"):
        torch.testing.assert_close(found[field], getattr(output, field).flatten(1))
    read = model.expand(output.z)
    torch.testing.assert_close(found["decoder.0"], model.decoder[0](read))


@pytest.mark.parametrize("name", NAMES)
def test_channels_last_changes_the_layout_alone(name):
    model = MODELS[name](SHAPE)
    initialise(model, generator())
    expected = model.eval()(images().contiguous())
    found = model.to(memory_format=torch.channels_last)(images())
    torch.testing.assert_close(found.logits, expected.logits, rtol=1e-4, atol=1e-4)
