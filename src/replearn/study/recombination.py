"""Where an auto-encoder puts images of excluded combinations, and what its decoder draws."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from replearn.analysis.generalisation import (
    Expectation,
    fit_expectation,
    fit_readout,
    least_nll,
    ssim,
    target_tables,
    targets_of,
)
from replearn.analysis.generalisation.image_errors import WINDOW
from replearn.dataset.images import FactorSpace, ImageDataset
from replearn.errors import InputError
from replearn.models.autoencoder import AutoEncoder
from replearn.study.best_latents import best_latents, drawing_error
from replearn.training.batches import Batches
from replearn.training.likelihoods import Likelihood

BATCH = 128

Arrays = dict[str, NDArray]


@dataclass(frozen=True)
class Images:
    """Some images of a data set, on the device of a model: positions (n,) in it."""

    data: ImageDataset
    positions: NDArray[np.int64]
    device: torch.device
    layout: torch.memory_format = torch.contiguous_format

    @property
    def factors(self) -> NDArray[np.int64]:
        """The factor indices (n, K)."""
        return self.data.factors[self.positions]  # type: ignore[index]

    def batches(self) -> Iterator[tuple[slice, Tensor]]:
        """Yield which of the images come, and they (B, C, H, W), in order."""
        for start in range(0, len(self.positions), BATCH):
            which = slice(start, start + BATCH)
            yield which, self.at(which)

    def at(self, which: slice | NDArray) -> Tensor:
        """Return some of the images, (B, C, H, W) in [0, 1]."""
        x = self.data.batch(torch.from_numpy(self.positions[which])).to(self.device)
        return x.contiguous(memory_format=self.layout)


@torch.no_grad()
def reconstruct(model: nn.Module, likelihood: Likelihood, images: Images) -> Arrays:
    """Return the `latents` (n, D) of images, and the `image_errors` (n,) of reconstructions."""
    found: dict[str, list[NDArray]] = defaultdict(list)
    for _, x in images.batches():
        output = model(x)
        found["latents"].append(output.z.float().cpu().numpy())
        for name, values in image_errors(likelihood, output.logits, x).items():
            found[name].append(values)
    return {name: np.concatenate(values) for name, values in found.items()}


def image_errors(likelihood: Likelihood, logits: Tensor, x: Tensor) -> Arrays:
    """Return nll, nll_above_entropy, squared_error and ssim (B,) of logits of images (B, ...)."""
    drawn, true = torch.sigmoid(logits.float()).cpu().numpy(), x.float().cpu().numpy()
    nll = likelihood.nll(logits, x).double().cpu().numpy()
    least = least_nll(true, likelihood.name, likelihood.variance)
    squares = np.square(drawn - true).reshape(len(true), -1).sum(axis=1, dtype=np.float64)
    errors = {"nll": nll, "nll_above_entropy": nll - least, "squared_error": squares}
    if min(true.shape[2:]) >= WINDOW:
        errors["ssim"] = ssim(true, drawn)
    return errors


def probe_errors(
    space: FactorSpace,
    latents: Mapping[str, NDArray],
    images: Mapping[str, Images],
    where: NDArray[np.bool_],
) -> dict[str, Arrays]:
    """Return `relative_errors` (n, K) of both probes, of held-out and of excluded images.

    Args:
        latents, images: by part; those of training images are what the probes are fitted on.
        where: (n, K) which of these each factor's probes are fitted on.
    """
    from replearn.analysis.disentanglement import active_latents

    tables = target_tables(space.names, space.sizes, space.values, space.value_names)
    targets = {part: targets_of(each.factors, tables) for part, each in images.items()}
    active = active_latents(latents["train"])
    found: dict[str, Arrays] = {"held_out": {}, "test": {}}
    for name, curves in (("probe_errors", False), ("additive_probe_errors", True)):
        readout = fit_readout(latents["train"], targets["train"], active, curves, where)
        for part, errors in found.items():
            errors[name] = readout.errors(latents[part], targets[part]).astype(np.float32)
    return found


def expectation_of(
    space: FactorSpace, codes: NDArray, images: Images, latent_size: int
) -> Expectation | None:
    """Return the fit of expected codes to those of training images; None of too few images.

    Its distances are those of the latents, the first `latent_size` columns: indicators of a
    category sum to one, which leaves no distance to divide by.
    """
    from replearn.analysis.disentanglement import active_latents

    active = active_latents(codes) & (np.arange(codes.shape[1]) < latent_size)
    try:
        return fit_expectation(codes, images.factors, space.sizes, active)
    except InputError:
        return None


def expected_codes(model: AutoEncoder, expectation: Expectation, images: Images) -> NDArray:
    """Return the codes (n, code_size), possible ones, that are expected of images; NaN where none.

    Of a category it is the likeliest, of bounded latents the bound that they would cross.
    """
    sums = expectation.expected(images.factors)
    codes = model.nearest_codes(torch.from_numpy(sums)).numpy()
    return np.where(np.isnan(sums), np.nan, codes).astype(np.float32)


@torch.no_grad()
def drawn_from(model: AutoEncoder, images: Images, latents: NDArray, expected: NDArray) -> Arrays:
    """Return encoder_error and decoder_error (n,), NaN where no latent is expected.

    Args:
        latents, expected: (n, D) the encoder's and the expected latents.
    """
    found = {name: np.full(len(latents), np.nan) for name in ("encoder_error", "decoder_error")}
    for which, x in images.batches():
        z, wanted = (_tensor(each[which], x) for each in (latents, expected))
        there = ~wanted.isnan().any(dim=1)
        if there.any():
            rows = np.arange(len(latents))[which][there.cpu().numpy()]
            own = torch.sigmoid(model.decode(z[there]).float())
            found["encoder_error"][rows] = _numpy(drawing_error(model, wanted[there], own))
            found["decoder_error"][rows] = _numpy(drawing_error(model, wanted[there], x[there]))
    return found


def least_errors(
    model: AutoEncoder,
    images: Images,
    latents: NDArray,
    expected: NDArray | None,
    sought: NDArray[np.int64],
) -> Arrays:
    """Return `sought` (m,), which of the images, their `best_latents` (m, D) and errors (m,).

    `least_error` is that of the best latents, `encoder_gap` what the encoder's own add to it. The
    search begins at the encoder's or the expected latent, whichever draws better.
    """
    found: dict[str, list[NDArray]] = defaultdict(list)
    for start in range(0, len(sought), BATCH):
        which = sought[start : start + BATCH]
        x = images.at(which)
        z = _tensor(latents[which], x)
        with torch.no_grad():
            own = drawing_error(model, z, x)
            if expected is not None:
                other = _tensor(expected[which], x)
                better = drawing_error(model, other.nan_to_num(), x) < own
                z = torch.where((better & ~other.isnan().any(1))[:, None], other, z)
        best, least = best_latents(model, x, z)
        found["best_latents"].append(best.cpu().numpy())
        found["least_error"].append(_numpy(least))
        found["encoder_gap"].append(_numpy(own - least))
    return {"sought": sought, **{name: np.concatenate(each) for name, each in found.items()}}


@torch.no_grad()
def transformed_errors(model: nn.Module, likelihood: Likelihood, examples: Batches) -> Arrays:
    """Return the `image_errors` (n,) of the transformed images of composition examples.

    And their positions: an example of validation or test is known by its target.
    """
    found: dict[str, list[NDArray]] = defaultdict(list)
    for inputs, target in examples.in_order():
        logits = model(inputs).logits[:, -1]
        for name, values in image_errors(likelihood, logits, target[:, -1]).items():
            found[f"transformed_{name}"].append(values)
    errors = {name: np.concatenate(values) for name, values in found.items()}
    return {"transformed_positions": examples.indices, **errors}


def _tensor(values: NDArray, like: Tensor) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32)).to(like.device)


def _numpy(values: Tensor) -> NDArray[Any]:
    return values.double().cpu().numpy()
