"""The resume state of networks with more than weights."""

import pytest
import torch

from replearn.errors import InputError
from replearn.models import VAE, initialise
from replearn.registry import build
from replearn.training.losses import LOSSES
from replearn.training.resume import TENSORS, load_state, save_state


def objects(encoder="kim_bn", shape=(1, 32, 32)):
    model = VAE(shape, encoder, encoder, 4)
    initialise(model, torch.Generator().manual_seed(0))
    loss = build(LOSSES, "beta_vae", kind="loss")
    return model, loss, torch.optim.Adam(model.parameters()), torch.Generator().manual_seed(1)


def step(model, loss, optimizer, generator):
    images = torch.rand(4, 1, 32, 32, generator=torch.Generator().manual_seed(2))
    optimizer.zero_grad()
    loss(model(images, generator), images, 0, generator)["loss"].backward()
    optimizer.step()


def test_running_statistics_resume_bit_for_bit():
    whole = objects()
    step(*whole)
    content = save_state(*whole, step=1)[TENSORS]
    resumed = objects()
    assert load_state(content, *resumed) == {"step": 1}
    step(*whole)
    step(*resumed)
    ours, theirs = resumed[0].state_dict(), whole[0].state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert ours["encoder.0.2.num_batches_tracked"].item() == 2


@pytest.mark.parametrize("other", [("kim", (1, 32, 32)), ("kim_bn", (1, 48, 48))])
def test_a_state_of_another_network_is_refused(other):
    content = save_state(*objects(), step=1)[TENSORS]
    with pytest.raises(InputError, match="resume state does not fit this configuration"):
        load_state(content, *objects(*other))
