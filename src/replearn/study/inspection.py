"""One finished auto-encoder, looked at: reconstructions, latents, traversals, scores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from replearn.analysis.disentanglement import DCI, active_latents
from replearn.analysis.figures import (
    hinton,
    image_grid,
    latent_distributions,
    reconstructions,
    traversals,
)
from replearn.analysis.figures.images import latent_names
from replearn.analysis.traversal import latent_kl, latent_order, traversal_values, traverse
from replearn.dataset.images import ImageDataset
from replearn.dataset.partition import partition
from replearn.errors import InputError
from replearn.runs.run import Run
from replearn.study.disentanglement import score
from replearn.study.probes import Probe, decode, encode, probe_of, reconstruct
from replearn.study.recombination import Images
from replearn.study.results import Results
from replearn.study.selection import AUTO_ENCODERS, is_auto_encoder

# What captions call the parts of a data set.
PARTS = {"training": "training", "held_out": "held-out", "test": "excluded"}
MOST_LATENTS = 16  # that a figure shows, so that it fits a page


@dataclass(frozen=True)
class Codes:
    """The posterior of N held-out images, and the factors that made them.

    Attributes:
        mean, logvar: (N, D), of the continuous latents.
        z: (N, D'), what the decoder reads: the means, and in further columns the category that a
            cascade VAE chose, as 1.
        kl: (D,) nats a latent, averaged over the images.
        positions: (N,) of the images in the data set.
        factors: (N, K) indices, or None.
        factor_names: K names.
    """

    mean: NDArray
    logvar: NDArray
    z: NDArray
    kl: NDArray
    positions: NDArray
    factors: NDArray | None
    factor_names: tuple[str, ...]

    @property
    def n_categories(self) -> int:
        """Number of categories beside the continuous latents, 0 of most models."""
        return self.z.shape[1] - self.mean.shape[1]

    @property
    def latents(self) -> NDArray:
        """(N, L): what scores are of, the means and, as one number, the category."""
        if not self.n_categories:
            return self.mean
        return np.column_stack([self.mean, self.z[:, -self.n_categories :].argmax(axis=1)])

    @property
    def latent_names(self) -> list[str]:
        """L names."""
        return latent_names(self.mean.shape[1]) + ["category"] * bool(self.n_categories)


def check_auto_encoder(run: Run) -> None:
    """Raise an InputError unless a run trained a model with latents and a decoder."""
    name = run.config.get("model", {}).get("name")
    if not is_auto_encoder(run):
        raise InputError(
            f"run {run.id} ({run.experiment}) trained the model {name!r}; this analysis needs an "
            f"auto-encoder, model.name={' or '.join(AUTO_ENCODERS)}"
        )


def encode_run(run: Run, model: nn.Module, data: ImageDataset, n_images: int) -> Codes:
    """Return the codes of `n_images` held-out images."""
    probe = probe_of(run.config["dataset"], data, n_images)
    mean, logvar = encode(model, probe)
    names = () if data.factor_space is None else data.factor_space.names
    kl = latent_kl(mean, logvar)
    z = _decoded(model, probe)
    return Codes(mean, logvar, z, kl, probe.indices, probe.factors, names)


def draw_reconstructions(
    results: Results, run: Run, model: nn.Module, data: ImageDataset, n: int
) -> None:
    """Draw images above their reconstructions: training, held-out, and excluded ones if any."""
    blocks = {}
    for part, name in PARTS.items():
        if len(getattr(partition(run.config["dataset"], data), part)):
            images = probe_of(run.config["dataset"], data, n, part=part).first(n)
            blocks[name] = (images.numpy(), reconstruct(model, images))
    results.figure("reconstructions", reconstructions(blocks), "Reconstructions")


def draw_recombination(
    results: Results, run: Run, model: nn.Module, data: ImageDataset, n: int
) -> None:
    """Draw what was made of reference and command, and how excluded combinations fared.

    The first of composition runs, the second of runs with excluded combinations.
    """
    if getattr(model, "operator", None) is not None:
        _draw_transformations(results, run, model, data, n)
    if "generalisation.npz" in run.artifacts and data.factor_space is not None:
        _draw_excluded(results, run, data)


def _draw_excluded(results: Results, run: Run, data: ImageDataset) -> None:
    """Draw the errors of combinations, and where the latents of the excluded ones are."""
    from replearn.study.generalisation_figure import excluded_with_examples, expected_figure

    arrays = run.load("generalisation.npz")
    images = Images(data, arrays["test_positions"], torch.device("cpu"))
    # The latents of these arrays are those of the last weights, whichever step is looked at.
    figure = excluded_with_examples(run.model(), images, arrays)
    text = "At the end of training: errors of held-out images, and of the excluded combinations."
    results.figure("excluded_combinations", figure, "Excluded combinations", text)
    figure = expected_figure(data.factor_space, arrays)  # type: ignore[arg-type]
    if figure is not None:
        text = (
            "At the end of training: latents of excluded combinations, and where the latents of "
            "training images let them be expected."
        )
        results.figure("expected_latents", figure, "Expected latents", text)


@torch.no_grad()
def _draw_transformations(
    results: Results, run: Run, model: nn.Module, data: ImageDataset, n: int
) -> None:
    from replearn.study.composition import example_triples

    factors = data.factor_space.names  # type: ignore[union-attr]
    blocks, changed = {}, {}
    for part in ("training", "test"):
        if part == "test" and not len(partition(run.config["dataset"], data).test):
            continue
        given, target = example_triples(run.config, data, n, part)
        made = model(given).x_mean[:, -1]
        name = PARTS[part]
        blocks[name] = tuple(x.numpy() for x in (*target.unbind(1), made))
        changed[name] = [factors[int(k)].replace("_", " ") for k in given.action]
    rows = ("reference", "command", "transformed", "model")
    figure = reconstructions(blocks, rows, above=changed)
    text = (
        "Above each column is the factor that the transformed image takes from the command, all "
        "others being the reference's."
    )
    results.figure("transformations", figure, "Transformations", text)


def draw_latents(
    results: Results, codes: Codes, model: nn.Module, config: Mapping[str, Any]
) -> None:
    """Draw the distributions of the latents, and what each of them does to one image."""
    span = tuple(config["traversal"])
    if len(span) != 2:
        raise InputError(f"traversal must be [low, high], got {config['traversal']!r}")
    shown = latent_order(codes.kl)[:MOST_LATENTS]
    kl, names = codes.kl[shown], [codes.latent_names[i] for i in shown]
    said = _of_many(codes.kl, shown)
    figure = latent_distributions(codes.mean[:, shown], codes.logvar[:, shown], kl, names, said)
    results.figure("latents", figure, "Latent distributions", said)
    # The image whose code is nearest to the mean of all: moves stay among images that exist.
    centre = codes.z[np.square(codes.mean - codes.mean.mean(0)).sum(1).argmin()]
    n, d = max(config["n_shown"], 2), codes.mean.shape[1]
    images = traverse(lambda z: decode(model, z), centre, n, span, shown)
    figure = traversals(images, traversal_values(n, span), kl, names, said)
    results.figure("traversals", figure, "Latent traversals", said)
    if codes.n_categories:
        # The other latents from one row to the next: those of images spread over the probe.
        rows = codes.z[np.linspace(0, len(codes.z) - 1, min(n, 4)).astype(int)]
        pictures = [decode(model, _in_each_category(z, d)) for z in rows]
        names = [f"category {k}" for k in range(codes.n_categories)]
        figure = image_grid(pictures, column_labels=names)
        text = "One image a row, decoded with each category."
        results.figure("categories", figure, "Categories", text)


def _of_many(kl: NDArray, shown: NDArray) -> str:
    """Return which latents are shown, where these are not all."""
    if len(shown) == len(kl):
        return ""
    rest = kl.sum() - kl[shown].sum()
    return (
        f"The {len(shown)} of {len(kl)} latents of highest KL; the others have {rest:.2g} nats "
        f"together."
    )


def score_run(
    results: Results,
    codes: Codes,
    model: nn.Module,
    data: ImageDataset,
    metrics: Sequence[str] | None,
    method: str,
) -> dict[str, Any]:
    """Return the scores of the codes, and draw the importance matrix where there are factors."""
    active = active_latents(codes.latents)

    def grid() -> tuple[NDArray, Sequence[int]]:
        every = Probe(data, np.arange(len(data)))
        return _decoded(model, every), data.factor_space.sizes  # type: ignore[union-attr]

    scored = score(
        codes.latents, codes.factors, active, metrics, method, grid if data.is_grid else None
    )
    arrays = {
        "mean": codes.mean, "logvar": codes.logvar, "kl": codes.kl, "active": active,
        "latent_names": np.array(codes.latent_names), "latents": codes.latents,
        "positions": codes.positions,
    }  # fmt: skip
    if codes.factors is not None:
        arrays |= {"factors": codes.factors, "factor_names": np.array(codes.factor_names)}
    scores = {"active_latents": int(active.sum()), "kl": float(codes.kl.sum()), **scored.scores}
    if scored.dci is not None:
        arrays["importance"] = scored.dci.importance
        scores["dci_method"] = scored.dci.method
        _draw_importance(results, codes, active, scored.dci)
    results.arrays("codes", **arrays)
    return scores


def _draw_importance(results: Results, codes: Codes, active: NDArray, found: DCI) -> None:
    figure = hinton(found.importance, codes.factor_names, codes.latent_names, dead=~active)
    text = " ".join([f"Importance of each latent for each factor ({found.method}).", found.note])
    results.figure("hinton", figure, "Importance", text.strip())


@torch.no_grad()
def _decoded(model: nn.Module, probe: Probe) -> NDArray:
    """Return what the decoder reads of the probe's images (N, D')."""
    model.eval()
    return torch.cat([model.codes(x) for x in probe.batches()]).double().numpy()  # type: ignore[operator]


def _in_each_category(z: NDArray, d: int) -> NDArray:
    return np.concatenate([np.repeat(z[None, :d], len(z) - d, axis=0), np.eye(len(z) - d)], axis=1)
