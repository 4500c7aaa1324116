"""The latents from which a decoder draws given images best: what no encoder could better."""

import torch
from torch import Tensor

from replearn.models.autoencoder import AutoEncoder

# Of Adam in latents, whose scale is that of the prior. Of a VAE on dSprites with an error of 28.8,
# 22.8 were left; five times as many steps left 21.4.
STEPS, RATE = 40, 0.25
# How near to its bounds the descent begins: the hyperbolic tangent has no slope there.
NEAREST = 0.999


def best_latents(model: AutoEncoder, images: Tensor, start: Tensor) -> tuple[Tensor, Tensor]:
    """Return codes (B, code_size) that draw images best, and the squared error (B,) that is left.

    Found by gradient descent in the latents, with each category if there are some: an upper bound
    of the least error, never above that of `start`. Latents stay where an encoder can put them.

    Args:
        model: an auto-encoder, in evaluation mode.
        images: (B, C, H, W) in [0, 1].
        start: (B, code_size) codes to begin with, which images can have.

    Source:
        The gap between an encoder and the best latents of its decoder: Cremer, Li & Duvenaud
        (2018), arXiv:1801.03558, section 3.
    """
    with torch.no_grad():
        best, least = start.clone(), drawing_error(model, start, images)
    for others in model.further_codes().to(start):
        free = start[:, : model.latent_size].detach().clone()
        if model.bounded:
            free = torch.atanh(free.clamp(-NEAREST, NEAREST))
        free.requires_grad_()
        optimizer = torch.optim.Adam([free], lr=RATE)
        for step in range(STEPS + 1):
            latents = torch.tanh(free) if model.bounded else free
            z = torch.cat([latents, others.expand(len(free), -1)], 1)
            error = drawing_error(model, z, images)
            better = error.detach() < least
            best[better], least[better] = z.detach()[better], error.detach()[better]
            if step < STEPS:
                optimizer.param_groups[0]["lr"] = RATE * (1 - step / STEPS)
                (free.grad,) = torch.autograd.grad(error.sum(), free)
                optimizer.step()
    return best, least


def drawing_error(model: AutoEncoder, z: Tensor, images: Tensor) -> Tensor:
    """Return the squared error (B,) of what a model draws from codes (B, code_size)."""
    drawn = torch.sigmoid(model.decode(z).float())
    return (drawn - images).square().flatten(1).sum(1)
