"""One finished auto-encoder, looked at: reconstructions, latents, traversals, scores."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from replearn.analysis.disentanglement import active_latents, dci
from replearn.analysis.figures import hinton, latent_distributions, reconstructions, traversals
from replearn.analysis.traversal import latent_kl, traversal_values, traverse
from replearn.dataset.images import ImageDataset
from replearn.errors import InputError
from replearn.runs.run import Run
from replearn.study.probes import decode, encode, probe_of, reconstruct
from replearn.study.results import Results


@dataclass(frozen=True)
class Codes:
    """The posterior of N held-out images, and the factors that made them.

    Attributes:
        mean, logvar: (N, D).
        kl: (D,) nats a latent, averaged over the images.
        active: (D,) mask of the latents whose mean varies.
        factors: (N, K) indices, or None.
        factor_names: K names.
    """

    mean: NDArray
    logvar: NDArray
    kl: NDArray
    active: NDArray
    factors: NDArray | None
    factor_names: tuple[str, ...]


def check_vae(run: Run) -> None:
    """Raise an InputError unless a run trained a model with latents and a decoder."""
    name = run.config.get("model", {}).get("name")
    if name != "vae":
        raise InputError(
            f"run {run.id} ({run.experiment}) trained the model {name!r}; this analysis needs an "
            f"auto-encoder, model.name=vae"
        )


def encode_run(run: Run, model: nn.Module, data: ImageDataset, n_images: int) -> Codes:
    """Return the codes of `n_images` held-out images."""
    probe = probe_of(run.config["dataset"], data, n_images)
    mean, logvar = encode(model, probe)
    names = () if data.factor_space is None else data.factor_space.names
    kl, active = latent_kl(mean, logvar), active_latents(mean)
    return Codes(mean, logvar, kl, active, probe.factors, names)


def draw_reconstructions(
    results: Results, run: Run, model: nn.Module, data: ImageDataset, n: int
) -> None:
    """Draw training and held-out images above their reconstructions."""
    blocks = {}
    for name, part in (("train", "training"), ("held-out", "held_out")):
        images = probe_of(run.config["dataset"], data, n, part=part).first(n)
        blocks[name] = (images.numpy(), reconstruct(model, images))
    results.figure("reconstructions", reconstructions(blocks), "Reconstructions")


def draw_latents(
    results: Results, codes: Codes, model: nn.Module, config: Mapping[str, Any]
) -> None:
    """Draw the distributions of the latents, and what each of them does to one image."""
    span = tuple(config["traversal"])
    if len(span) != 2:
        raise InputError(f"traversal must be [low, high], got {config['traversal']!r}")
    figure = latent_distributions(codes.mean, codes.logvar, codes.kl)
    results.figure("latents", figure, "Latent distributions")
    # The image whose code is nearest to the mean of all: moves stay among images that exist.
    centre = np.square(codes.mean - codes.mean.mean(0)).sum(1).argmin()
    n = max(config["n_shown"], 2)
    images = traverse(lambda z: decode(model, z), codes.mean[centre], n, span)
    figure = traversals(images, traversal_values(n, span), codes.kl)
    results.figure("traversals", figure, "Latent traversals")


def score_codes(results: Results, codes: Codes, method: str) -> dict[str, Any]:
    """Return the scores of the codes, and draw the importance matrix where there are factors."""
    scores: dict[str, Any] = {
        "active_latents": int(codes.active.sum()),
        "kl": float(codes.kl.sum()),
    }
    arrays = {"mean": codes.mean, "logvar": codes.logvar, "kl": codes.kl, "active": codes.active}
    if codes.factors is not None:
        found = dci(codes.mean, codes.factors, method=method, active=codes.active)
        scores |= {f"dci_{name}": value for name, value in found.scores().items()}
        scores["dci_method"] = found.method
        arrays |= {
            "importance": found.importance,
            "factors": codes.factors,
            "factor_names": np.array(codes.factor_names),
        }
        figure = hinton(found.importance, codes.factor_names, dead=~codes.active)
        text = f"Importance of each latent for each factor ({found.method})."
        results.figure("hinton", figure, "Importance", text)
    results.arrays("codes", **arrays)
    return scores
