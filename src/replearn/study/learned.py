"""What a trained auto-encoder has learned, in a few numbers of its result."""

from math import isfinite, log, pi

import torch
from torch import Tensor, nn

from replearn.study.task import Task
from replearn.training.seeds import derive_seed, make_generator
from replearn.training.wasserstein import mmd

MEAN_IMAGE_BATCHES = 32
# More latents make the discrepancy no more exact than is of use, and take the square of the time.
N_COMPARED = 1000


@torch.no_grad()
def vae_scores(model: nn.Module, loss: nn.Module, task: Task, held_out: float) -> dict[str, float]:
    """Return what the latents of held-out images are like, and how bad the mean image is.

    All are measured in the same way whatever the objective, so that objectives compare.

    Args:
        held_out: the model's reconstruction term on the held-out images.

    Returns:
        `active_latents`; `mean_image_reconstruction`, the term of a model that always answers with
        the mean training image, as a collapsed one does; `reconstruction_ratio` of the two, of a
        Gaussian likelihood without its constant: then it is the ratio of the squared errors; and
        what `latent_scores` returns.
    """
    from replearn.analysis.disentanglement import active_latents

    model.eval()
    posteriors = [model.encode(x) for x, _ in task.held_out.in_order()]  # type: ignore[operator]
    mean, logvar = (torch.cat(parts).double().cpu() for parts in zip(*posteriors, strict=True))
    mean_image = _mean_image_reconstruction(loss, task)
    constant = _constant(loss, pixels=next(task.held_out.in_order())[0][0].numel())
    return {
        "active_latents": int(active_latents(mean.numpy()).sum()),
        "mean_image_reconstruction": mean_image,
        "reconstruction_ratio": (held_out - constant) / (mean_image - constant),
        **latent_scores(mean, logvar),
    }


def latent_scores(mean: Tensor, logvar: Tensor) -> dict[str, float]:
    """Return what objectives hold down of the latents of images, posteriors (N, D).

    Returns:
        `latent_total_correlation` (nats) of the Gaussian with the covariance of z;
        `latent_covariance`, the sum of the squared covariances of different latents' means;
        `latent_mmd`, the unbiased squared maximum mean discrepancy between z and the prior
        N(0, I), of up to 1,000 images, which by chance may be slightly negative.
        What is not defined is left out: all of fewer than two images, and the total correlation
        where a latent is a linear function of others (it would be infinite).
    """
    from replearn.analysis import aggregate_posterior as moments

    if len(mean) < 2:
        return {}
    generator = make_generator(derive_seed(0, "latent_mmd"))
    compared, width = mean[:N_COMPARED].float(), torch.exp(logvar[:N_COMPARED].float() / 2)
    noise, prior = torch.randn((2, *compared.shape), generator=generator)
    covariance = moments.aggregate_covariance(mean, logvar)
    scores = {
        "latent_total_correlation": moments.gaussian_total_correlation(covariance),
        "latent_covariance": moments.squared_covariances(covariance),
        "latent_mmd": float(mmd(compared + width * noise, prior, scale=2 * mean.shape[1])),
    }
    return {name: score for name, score in scores.items() if isfinite(score)}


def _mean_image_reconstruction(loss: nn.Module, task: Task) -> float:
    batches = task.training.shuffled(seed=0)
    images = [next(batches)[0] for _ in range(MEAN_IMAGE_BATCHES)]
    mean_image = torch.stack([x.mean(0) for x in images]).mean(0)
    # A pixel that is always 0 or 1 in the sample may differ in others: keep its logit finite.
    logits = torch.logit(mean_image, eps=1e-4)
    total, n = 0.0, 0
    for x, target in task.held_out.in_order():
        term = loss.reconstruction(logits.expand_as(x), target)  # type: ignore[operator]
        total += len(x) * float(term)
        n += len(x)
    return total / n


def _constant(loss: nn.Module, pixels: int) -> float:
    """Return the part of the reconstruction term that no image changes, in nats per image."""
    likelihood = loss.likelihood
    if likelihood.name != "gaussian":  # type: ignore[union-attr]
        return 0.0
    return pixels * log(2 * pi * likelihood.variance) / 2  # type: ignore[union-attr,operator]
