"""The picture of a run's excluded combinations: errors over the factors, and examples."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from replearn.analysis.generalisation import responding_latents, shares_of_variance
from replearn.dataset.images import FactorSpace
from replearn.models import Network
from replearn.study.recombination import Images
from replearn.study.task import Task
from replearn.training.seeds import make_generator

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from sacred.run import Run

N_SHOWN = 8
# What is shown over the combinations: the first that was measured, and its words.
SHOWN = {
    "nll_above_entropy": "negative log-likelihood above the entropy (nats per image)",
    "prediction_error": "squared error of predicted factors, in variances",
}


def draw_excluded(
    folder: Path,
    run: "Run",
    model: Network,
    task: Task,
    images: Mapping[str, Images],
    arrays: Mapping[str, NDArray],
) -> list[Path]:
    """Write `excluded_combinations.pdf` and `.png`; return their paths.

    Args:
        images: by part.
        arrays: those of `generalisation.npz`.
    """
    from replearn.analysis.figures import caption_line, save_figure

    data = images["test"].data
    figure = excluded_with_examples(model, images["test"], arrays, task)
    runs = [] if run._id is None else [int(run._id)]
    n = len(arrays["test_positions"])
    caption = caption_line(runs, data.note, data=data.name, excluded_images=n)
    return save_figure(figure, folder, "excluded_combinations", caption)


def excluded_with_examples(
    model: Network, images: Images, arrays: Mapping[str, NDArray], task: Task | None = None
) -> "Figure":
    """Return the map of errors over the named factors, with examples of excluded combinations.

    Args:
        model: with the weights that the arrays are of.
        images: the excluded ones, those of `test_positions`.
        arrays: of `generalisation.npz`.
        task: what the model was trained on, which decoders alone need.
    """
    shown = _shown(arrays)
    examples = _examples(model, task, images, arrays, shown)
    space: FactorSpace = images.data.factor_space  # type: ignore[assignment]
    return excluded_figure(space, arrays, examples, _names(space, arrays, shown))


def excluded_figure(
    space: FactorSpace,
    arrays: Mapping[str, NDArray],
    examples: Mapping[str, Any] | None = None,
    names: Sequence[str] | None = None,
) -> "Figure":
    """Return the map of errors over the named factors, from the arrays of `generalisation.npz`.

    Its axes are those of `combination_map`.
    """
    from replearn.analysis.figures.excluded_combinations import excluded_combinations

    name = next(each for each in SHOWN if f"combination_{each}" in arrays)
    errors, frame, rows, columns = combination_map(space, arrays, name)
    return excluded_combinations(errors, frame, rows, columns, SHOWN[name], examples, names)


def combination_map(
    space: FactorSpace, arrays: Mapping[str, NDArray], name: str
) -> tuple[NDArray, NDArray[np.bool_], tuple[str, list[str]], tuple[str, list[str]]]:
    """Return an error over the named factors: (R, C), which are excluded, and both factors.

    Of more than two named factors it has the two over which the excluded combinations are the
    smallest part, with means over the others; of one, R is 1. The longer factor runs across.

    Args:
        arrays: of `generalisation.npz`.
        name: of the error: nll_above_entropy, squared_error ...

    Returns:
        errors (R, C), NaN where there are no images; a mask (R, C); and for rows and columns the
        factor's name with the names of its values.
    """
    table, excluded = arrays["combinations"], arrays["combination_excluded"]
    pair = _pair(table, excluded)
    axes = [int(arrays["named"][m]) for m in pair]
    if len(axes) == 2 and space.sizes[axes[0]] > space.sizes[axes[1]]:
        pair, axes = pair[::-1], axes[::-1]  # the longer one runs across
    sizes = [space.sizes[k] for k in axes]
    cells = table[:, pair]
    # A cell of which a part is excluded shows that part, which is what is asked about.
    frame = np.zeros(sizes, bool)
    frame[tuple(cells[excluded].T)] = True
    counted = excluded | ~frame[tuple(cells.T)]
    weights = arrays["combination_n"] * counted * np.isfinite(arrays[f"combination_{name}"])
    sums, n = np.zeros(sizes), np.zeros(sizes)
    np.add.at(sums, tuple(cells.T), weights * np.nan_to_num(arrays[f"combination_{name}"]))
    np.add.at(n, tuple(cells.T), weights)
    errors = np.where(n > 0, sums / np.maximum(n, 1), np.nan)
    labels = [(space.names[k].replace("_", " "), short_values(space, k)) for k in axes]
    if len(labels) == 1:
        errors, frame, labels = errors[None], frame[None], [("", [""]), *labels]
    return errors, frame, labels[0], labels[1]


def expected_figure(space: FactorSpace, arrays: Mapping[str, NDArray]) -> "Figure | None":
    """Return where latents of excluded combinations are, and are expected to be.

    Of the latents that respond most to the first two named factors (to one, and the most varied
    other latent, where one alone is named).

    Args:
        arrays: of `generalisation.npz`.

    Returns:
        The figure; None where nothing is expected, as of a value that was never trained on, or
        fewer than two latents are active.
    """
    from replearn.analysis.figures.expected import expected_latents
    from replearn.analysis.figures.images import latent_names

    if np.isnan(arrays.get("test_expected", np.full(1, np.nan))).all():
        return None
    active = np.flatnonzero(arrays["active"])
    if len(active) < 2:
        return None
    training = arrays["train_latents"]
    shares = shares_of_variance(training, arrays["train_factors"])
    shares[:, ~arrays["active"]] = -1
    named = [int(k) for k in arrays["named"][:2]]
    chosen = responding_latents(shares, named)
    labels = [
        f"{latent_names(training.shape[1])[d]} ({space.names[k].replace('_', ' ')} "
        f"{100 * shares[k, d]:.0f} %)"
        for k, d in zip(named, chosen, strict=True)
    ]
    if len(chosen) == 1:
        other = max((d for d in active if d != chosen[0]), key=lambda d: training[:, d].var())
        chosen.append(int(other))
        labels.append(latent_names(training.shape[1])[other])
    every = arrays["named"]
    words = {int(k): short_values(space, int(k)) for k in every}
    names = [", ".join(words[int(k)][row[k]] for k in every) for row in arrays["test_factors"]]
    factors = ", ".join(space.names[k].replace("_", " ") for k in every)
    return expected_latents(
        training[:, chosen], arrays["test_latents"][:, chosen],
        arrays["test_expected"][:, chosen], arrays["test_factors"][:, every],
        arrays["covariance"][np.ix_(chosen, chosen)], (labels[0], labels[1]),
        names, factors,
    )  # fmt: skip


def short_values(space: FactorSpace, k: int) -> list[str]:
    """Return the values of factor k as words, numbers with two digits where these tell them."""
    words = space.named_values(k)
    if space.names[k] in space.value_names or not space.values:
        return words
    for digits in (2, 3, 4):
        short = [f"{float(value):.{digits}g}" for value in space.values[k]]
        if len(set(short)) == len(short):
            return short
    return words


def _pair(table: NDArray, excluded: NDArray[np.bool_]) -> list[int]:
    """Return which two of the named factors to show, or the one that there is."""
    n = table.shape[1]
    if n <= 2:
        return list(range(n))

    def share(pair: tuple[int, ...]) -> float:
        cells = table[:, list(pair)]
        return len(np.unique(cells[excluded], axis=0)) / len(np.unique(cells, axis=0))

    return list(min(combinations(range(n), 2), key=share))


def _shown(arrays: Mapping[str, NDArray]) -> NDArray:
    """Return which of the test images are shown: some of those whose best latents are known."""
    known = arrays.get("test_sought", np.arange(len(arrays["test_positions"])))
    chosen = np.linspace(0, len(known) - 1, min(N_SHOWN, len(known))).astype(int)
    return known[chosen]


@torch.no_grad()
def _examples(
    model: Network,
    task: Task | None,
    images: Images,
    arrays: Mapping[str, NDArray],
    shown: NDArray,
) -> dict[str, NDArray]:
    """Return the rows of pictures: images, and what the model makes of them."""
    x = images.at(shown)
    rows = {"image": x}
    if model.kind == "decoder" and task is not None:
        positions = torch.from_numpy(images.positions[shown])
        factors, _ = task.training.fetch(positions, make_generator(0))
        rows["from factors"] = torch.sigmoid(model(factors).logits)
    elif model.kind == "auto-encoder":
        latents = {"reconstruction": arrays["test_latents"][shown]}
        if not np.isnan(arrays.get("test_expected", np.full(1, np.nan))).all():
            latents["from expected latent"] = np.nan_to_num(arrays["test_expected"][shown])
        best = np.searchsorted(arrays["test_sought"], shown)
        latents["from best latent"] = arrays["test_best_latents"][best]
        for name, z in latents.items():
            z = torch.from_numpy(z.astype(np.float32)).to(x.device)
            rows[name] = torch.sigmoid(model.decode(z))  # type: ignore[operator]
    return {name: row.float().cpu().numpy() for name, row in rows.items()}


def _names(space: FactorSpace, arrays: Mapping[str, NDArray], shown: NDArray) -> list[str]:
    """Return the values of up to three named factors of each of the images that are shown."""
    named = arrays["named"][:3]
    words = {int(k): short_values(space, int(k)) for k in named}
    factors = arrays["test_factors"][shown]
    return ["\n".join(words[int(k)][row[k]] for k in named) for row in factors]
