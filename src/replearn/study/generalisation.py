"""How a trained network does on the combinations of factors that it never saw, in numbers."""

import io
from collections.abc import Mapping
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from replearn.analysis.files import write_whole
from replearn.analysis.generalisation import (
    bits_per_value,
    by_combination,
    evenly,
    free_of_exclusion,
)
from replearn.dataset.images import ImageDataset
from replearn.dataset.partition import Partition, partition
from replearn.models import Network
from replearn.models.autoencoder import AutoEncoder
from replearn.study.generalisation_figure import draw_excluded
from replearn.study.matched import BY_FACTOR, MEANS, SOUGHT, TRANSFORMED, matched
from replearn.study.predictions import decoded_factors, predicted_factors
from replearn.study.recombination import (
    Arrays,
    Images,
    drawn_from,
    expectation_of,
    expected_codes,
    least_errors,
    probe_errors,
    reconstruct,
    transformed_errors,
)
from replearn.study.task import Task, named_factors, some_excluded, some_of
from replearn.study.tracked import last_step
from replearn.training.loss import Loss

if TYPE_CHECKING:
    from sacred.run import Run

PREFIX = {"train": "train_", "held_out": "", "matched": "matched_", "test": "test_"}
# The fit of expected latents has an effect for each value of each factor.
LEAST_FITTED = 500
# Images of each part whose best latents are sought, at most and of all: as much work as a hundred
# training steps.
MOST_SOUGHT, SHARE_SOUGHT = 128, 1 / 4
COMBINED = ("nll_above_entropy", "squared_error", "ssim", "distance", "prediction_error")


def generalise(
    run: "Run",
    config: Mapping[str, Any],
    model: Network,
    loss: Loss,
    data: ImageDataset,
    task: Task,
) -> dict[str, float]:
    """Return the numbers of docs/generalisation.md; log and store them with arrays and a figure.

    A run without excluded combinations has none, and nothing is computed. The artifacts are
    `generalisation.npz` and `excluded_combinations.pdf` and `.png`.

    Args:
        run: the Sacred run, whose metrics and artifacts these become.
        model: trained, on its device.
        loss: that it was trained with.
        data: the images, as trained on.
        task: of `data`; its `test` are the excluded combinations, or of the composition task its
            examples that end in one, without which there are no `test_transformed_…`.
    """
    if not len(partition(config["dataset"], data).test):
        return {}
    arrays, images = measure(config, model, loss, data, task)
    if not arrays:
        return {}
    scores = scores_of(arrays, data.image_shape)
    step = last_step(config["training"], task)
    for name, value in scores.items():
        metric = f"test.{name.removeprefix('test_')}" if name.startswith("test_") else f"val.{name}"
        if not name.startswith(("train_", "matched_")) and metric not in _logged_by(model):
            run.log_scalar(metric, value, step)
    with TemporaryDirectory() as folder:
        files = [_file(Path(folder), arrays)]
        files += draw_excluded(Path(folder), run, model, task, images, arrays)
        for path in files:
            run.add_artifact(path, path.name)
    return scores


def _logged_by(model: Network) -> tuple[str, ...]:
    """Return the metrics that training logged already: of the same images, the same numbers."""
    return ("val.squared_error", "test.squared_error") if model.kind == "decoder" else ()


def measure(
    config: Mapping[str, Any], model: Network, loss: Any, data: ImageDataset, task: Task
) -> tuple[Arrays, dict[str, Images]]:
    """Return the arrays of `generalisation.npz`, and the images by part that they are of.

    Without arrays if nothing can be measured: of a predictor of labels.
    """
    parts = partition(config["dataset"], data)
    images = _images(config, data, parts, next(model.parameters()).device)
    model.eval()
    named = named_factors(data, parts)
    if isinstance(model, AutoEncoder):
        arrays = _of_auto_encoder(model, loss, task, images, named)
    else:
        of_kind = {"predictor": predicted_factors, "decoder": decoded_factors}[model.kind]
        arrays = of_kind(model, loss, task, images)
    if arrays:
        trained = data.factors[parts.training][:, named]  # type: ignore[index]
        arrays |= matched(arrays, images, named, trained)
        arrays |= _by_factor(arrays)
        arrays |= _about(data, parts, images, arrays)
    return arrays, images


def scores_of(arrays: Mapping[str, NDArray], image_shape: tuple[int, ...]) -> dict[str, float]:
    """Return the flat numbers of a result from the arrays of `generalisation.npz`.

    What has no value (NaN everywhere) is left out.
    """
    scores: dict[str, float] = {}

    def add(name: str, values: NDArray | None) -> None:
        if values is not None and not np.isnan(values).all():
            scores[name] = float(np.nanmean(values))

    for part, prefix in PREFIX.items():
        for name in (*MEANS, *SOUGHT, *TRANSFORMED):
            add(f"{prefix}{name}", arrays.get(f"{part}_{name}"))
        if f"{prefix}nll_above_entropy" in scores:
            nats = scores[f"{prefix}nll_above_entropy"]
            scores[f"{prefix}bits_above_entropy"] = bits_per_value(nats, image_shape)
        for name in BY_FACTOR:
            add(f"{prefix}{name}_r2", arrays.get(f"{prefix}{name}_r2_by_factor"))
        add(f"{prefix}additive_r2", arrays.get(f"{prefix}additive_r2_by_latent"))
        if part != "train" and f"{part}_distance" in arrays:
            add(f"{prefix}latent_distance", arrays[f"{part}_distance"] ** 2)
    for name in scores:
        if name.endswith("latent_distance"):
            scores[name] **= 0.5
    return scores


def _images(
    config: Mapping[str, Any], data: ImageDataset, parts: Partition, device: torch.device
) -> dict[str, Images]:
    """Return the images that are measured: always the same ones of a data set and its split."""
    n, seed = config["training"]["n_validation"], config["dataset"]["split_seed"]
    channels_last = config["training"]["channels_last"]
    layout = torch.channels_last if channels_last else torch.contiguous_format
    chosen = {
        "train": some_of(parts.training, max(2 * n, LEAST_FITTED), seed),
        "held_out": some_of(parts.held_out, n, seed),
        "test": some_excluded(data, parts, n, seed),
    }
    return {name: Images(data, each, device, layout) for name, each in chosen.items()}


def _of_auto_encoder(
    model: AutoEncoder, loss: Any, task: Task, images: Mapping[str, Images], named: list[int]
) -> Arrays:
    """Return errors, latents, expected latents and read-outs of an auto-encoder."""
    space = images["train"].data.factor_space
    found = {part: reconstruct(model, loss.likelihood, each) for part, each in images.items()}
    latents = {part: each["latents"] for part, each in found.items()}
    where = _free(images, named)
    for part, errors in probe_errors(space, latents, images, where).items():  # type: ignore[arg-type]
        found[part] |= errors
    size = model.latent_size
    expectation = expectation_of(space, latents["train"], images["train"], size)  # type: ignore[arg-type]
    arrays: Arrays = {}
    for part, each in images.items():
        expected = None
        if expectation is not None:
            found[part]["expected"] = expected = expected_codes(model, expectation, each)
            found[part]["distance"] = expectation.distance(latents[part], each.factors)
        if part != "train":
            if expectation is not None and expected is not None:
                r2 = expectation.r2(latents[part], each.factors)
                arrays[f"{PREFIX[part]}additive_r2_by_latent"] = r2
                found[part] |= drawn_from(model, each, latents[part], expected)
            most = min(MOST_SOUGHT, ceil(SHARE_SOUGHT * len(each.positions)))
            sought = evenly(each.factors[:, named], most)
            found[part] |= least_errors(model, each, latents[part], expected, sought)
    if expectation is not None:
        arrays |= {"active": expectation.active, "covariance": expectation.covariance}
    if model.operator is not None:
        found["held_out"] |= transformed_errors(model, loss.likelihood, task.held_out)
        if task.test is not None:
            found["test"] |= transformed_errors(model, loss.likelihood, task.test)
    return arrays | {f"{p}_{name}": v for p, each in found.items() for name, v in each.items()}


def _free(images: Mapping[str, Images], named: list[int]) -> NDArray[np.bool_]:
    """Return (n, K): training images whose other named factors go with all values of a factor."""
    factors, tested = (images[part].factors for part in ("train", "test"))
    free = np.ones(factors.shape, dtype=bool)
    free[:, named] = free_of_exclusion(factors[:, named], tested[:, named])
    return free


def _by_factor(arrays: Mapping[str, NDArray]) -> Arrays:
    """Return R² by factor (K,), and each image's mean error over factors, from errors (n, K)."""
    found: Arrays = {}
    for part, prefix in PREFIX.items():
        for name in BY_FACTOR:
            errors = arrays.get(f"{part}_{name}_errors")
            if errors is None:
                continue
            known = ~np.isnan(errors)
            means = [column[there].mean() if there.any() else np.nan
                     for column, there in zip(errors.T, known.T, strict=True)]  # fmt: skip
            found[f"{prefix}{name}_r2_by_factor"] = 1 - np.array(means)
            if name == "prediction":
                found[f"{part}_prediction_error"] = errors[:, known.any(axis=0)].mean(axis=1)
    return found


def _about(
    data: ImageDataset, parts: Partition, images: Mapping[str, Images], arrays: Mapping[str, Any]
) -> dict[str, NDArray]:
    """Return which images were measured, and the errors by combination of the named factors."""
    space, named = data.factor_space, named_factors(data, parts)
    own = {part: each.factors for part, each in images.items()}
    errors = {
        name: (arrays[f"held_out_{name}"], arrays[f"test_{name}"])
        for name in COMBINED
        if f"held_out_{name}" in arrays
    }
    if "distance" in errors:
        errors["distance"] = tuple(values**2 for values in errors["distance"])  # type: ignore[assignment]
    found = dict(by_combination(own["held_out"][:, named], own["test"][:, named], **errors))
    if "distance" in errors:
        found["combination_distance"] = np.sqrt(found["combination_distance"])
    return {
        "factor_names": np.array(space.names),  # type: ignore[union-attr]
        "factor_sizes": np.array(space.sizes),  # type: ignore[union-attr]
        "named": np.array(named),
        **{f"{part}_factors": factors for part, factors in own.items()},
        **{f"{part}_positions": each.positions for part, each in images.items()},
        **found,
    }


def _file(folder: Path, arrays: Mapping[str, NDArray]) -> Path:
    content = io.BytesIO()
    np.savez_compressed(content, allow_pickle=False, **arrays)
    return write_whole(folder / "generalisation.npz", content.getvalue())
