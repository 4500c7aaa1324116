"""A training resumes bit for bit, whatever its loss, schedule and optimiser hold."""

import numpy as np
import pytest
import torch
from ignite.engine import Events
from torch import nn

from replearn.errors import InputError
from replearn.models import VAE, VAEOutput, initialise
from replearn.registry import build, parameters
from replearn.training.adversary import AdversarialLoss
from replearn.training.batches import Batches
from replearn.training.engine import make_trainer, train
from replearn.training.losses import LOSSES
from replearn.training.optimizers import OPTIMIZERS, make_optimizer
from replearn.training.resume import TENSORS, load_state, save_state
from replearn.training.schedules import make_schedule


def objects(encoder="kim_bn", shape=(1, 32, 32)):
    model = VAE(shape, encoder, encoder, 4)
    initialise(model, torch.Generator().manual_seed(0))
    loss = build(LOSSES, "beta_vae", kind="loss")
    return model, loss, torch.optim.Adam(model.parameters()), torch.Generator().manual_seed(1)


SCHEDULED = {"beta": 1.0, "beta_start": 9.0, "beta_steps": 5}
# Losses with a schedule, a discriminator, or draws of their own.
LOSS_PARAMS = {
    "beta_vae": SCHEDULED,
    "hellinger_vae": SCHEDULED,
    "annealed_vae": {"capacity_steps": 5},
    "factor_vae": {},
    "wae_mmd": {},
    "wae_gan": {},
}
SCHEDULES = {
    "constant": {},
    "cosine": {"warm_up": 2},
    "milestones": {"at": [0.5]},
    "step": {"every": 2},
}
HALF, LENGTH = 3, 6


class Small(nn.Module):
    """A VAE of two affine maps, over images of 4 x 4 pixels and three latents."""

    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(16, 6), nn.Linear(3, 16)

    def forward(self, x, generator):
        mean, logvar = self.encoder(x.flatten(1)).chunk(2, 1)
        z = mean + torch.exp(logvar / 2) * torch.randn(mean.shape, generator=generator)
        return VAEOutput(self.decoder(z).view_as(x), z, mean, logvar)


def training(name, scheduler, optimizer):
    """Return what a training saves, and its trainer; weights are those of a fixed seed."""
    model = Small()
    initialise(model, torch.Generator().manual_seed(0))
    loss = build(LOSSES, name, kind="loss", **LOSS_PARAMS[name])
    loss.width, loss.depth = 8, 2  # of a discriminator
    loss.bind(3, torch.Generator().manual_seed(1))
    chosen = make_optimizer(model.parameters(), optimizer)
    noise, schedule = torch.Generator().manual_seed(2), SCHEDULES[scheduler]
    base, rates = chosen.param_groups[0]["lr"], make_schedule(scheduler, **schedule)
    trainer = make_trainer(model, loss, chosen, noise, rate=lambda n: base * rates(n, LENGTH))
    logged = []
    trainer.add_event_handler(
        Events.ITERATION_COMPLETED,
        lambda engine: logged.append([v.item() for v in engine.state.output.values()]),
    )
    return (model, loss, chosen, noise), trainer, logged


def run(trainer, start, stop):
    images = torch.rand(40, 1, 4, 4, generator=torch.Generator().manual_seed(3))
    batches = Batches(lambda index, _: (images[index], images[index]), np.arange(40), 8)
    train(trainer, batches.shuffled(0, start), start, stop, batches.steps_per_epoch)


@pytest.mark.parametrize(
    ("name", "scheduler", "optimizer"),
    [
        *((name, "cosine", "adam") for name in LOSS_PARAMS),
        *(("factor_vae", scheduler, "adam") for scheduler in SCHEDULES if scheduler != "cosine"),
        *(("wae_gan", "cosine", optimizer) for optimizer in OPTIMIZERS if optimizer != "adam"),
    ],
)
def test_training_resumes_bit_for_bit(name, scheduler, optimizer):
    whole, trainer, terms = training(name, scheduler, optimizer)
    run(trainer, 0, LENGTH)
    half, trainer, _ = training(name, scheduler, optimizer)
    run(trainer, 0, HALF)
    content = save_state(*half, step=HALF)[TENSORS]
    resumed, trainer, later = training(name, scheduler, optimizer)
    assert load_state(content, *resumed) == {"step": HALF}
    run(trainer, HALF, LENGTH)
    assert len(later) == LENGTH - HALF and later == terms[HALF:]
    ours, theirs = (save_state(*each)[TENSORS] for each in (resumed, whole))
    assert ours == theirs  # weights, discriminators, moments, noise


def test_every_loss_with_a_state_or_a_schedule_is_resumed():
    with_their_models = {"cascade_vae", "lie_group_vae"}  # tests/models/test_other_latents.py
    for name, make in LOSSES.items():
        scheduled = any(key.endswith("_steps") for key in parameters(make))
        if scheduled or issubclass(make, AdversarialLoss):
            assert name in {*LOSS_PARAMS, *with_their_models}


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
