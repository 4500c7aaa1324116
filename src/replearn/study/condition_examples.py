"""Pictures of what was excluded: which combinations go wrong, and what models draw for them."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from replearn.analysis.figures import image_grid
from replearn.analysis.figures.combination_maps import combination_maps
from replearn.dataset import DECLARATIONS
from replearn.dataset.images import ImageDataset
from replearn.runs.run import Run
from replearn.study.condition import errors_of
from replearn.study.condition_grid import Cell, ConditionGrid, slug
from replearn.study.decoding import factor_values
from replearn.study.generalisation_figure import combination_map
from replearn.study.probes import probe_of
from replearn.study.results import Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ARRAYS = "generalisation.npz"
N_PROBE = 1000  # excluded images, of which those shown are spread evenly
MAPPED = {
    "nll_above_entropy": "NLL above the entropy of the images (nats per image)",
    "squared_error": "squared error (per image, of values in [0, 1])",
    "prediction_error": "squared error of predicted factors (in variances)",
}


def draw_maps(results: Results, grid: ConditionGrid) -> None:
    """Draw the error of each combination of the factors that a hold-out names.

    A figure for each condition and error, with the mean over seeds for each model.
    """
    for condition in grid.conditions:
        of_error: dict[str, dict[str, list[Mapping[str, NDArray]]]] = {}
        for cell in grid.of_condition(condition):
            found = [run.load(ARRAYS) for run in cell.runs if ARRAYS in run.artifacts]
            if name := _mapped(grid, found):
                of_error.setdefault(name, {})[cell.model] = found
        for name, models in of_error.items():
            figure = _maps_of(grid.of_condition(condition)[0].runs[0], models, name)
            title = f"Errors by combination: {condition}"
            suffix = "_predictions" if name == "prediction_error" else ""
            text = f"{MAPPED[name]}, mean over seeds; framed: excluded from training."
            results.figure(f"map_{slug(condition)}{suffix}", figure, title, text)


def _maps_of(
    run: Run, models: Mapping[str, Sequence[Mapping[str, NDArray]]], name: str
) -> "Figure":
    space = DECLARATIONS[run.config["dataset"]["name"]].factor_space
    maps = {  # without factors nothing could have been excluded
        model: [combination_map(space, arrays, name) for arrays in seeds]  # type: ignore[arg-type]
        for model, seeds in models.items()
    }
    _, excluded, rows, columns = next(iter(maps.values()))[0]
    means = [np.mean([errors for errors, *_ in seeds], axis=0) for seeds in maps.values()]
    return combination_maps(means, list(maps), excluded, rows, columns, MAPPED[name])


def _mapped(grid: ConditionGrid, found: Sequence[Mapping[str, NDArray]]) -> str | None:
    """Return which error is mapped: what models compare by; None if there is none."""
    order = [key for key in errors_of(grid) if key in MAPPED] + list(MAPPED)
    return next(
        (n for n in order if found and all(f"combination_{n}" in each for each in found)), None
    )


def draw_examples(results: Results, grid: ConditionGrid, n: int) -> None:
    """Draw what one seed of each model makes of excluded images: a figure for each condition.

    Of composition runs it is the transformed image, below reference and command; of others the
    reconstruction.

    Args:
        n: images of a row; 0 draws nothing.
    """
    if n < 1:
        return
    for condition in grid.conditions:
        panels: dict[str, dict[str, NDArray]] = {}
        held: dict[str, ImageDataset] = {}
        for cell in grid.of_condition(condition):
            run = first_seed(cell)
            # Models of one condition see the same images, which are read once.
            key = repr(run.config["dataset"])
            if key not in held:
                held[key] = run.dataset()
            for kind, (given, made) in shown_of(run, held[key], n).items():
                panels.setdefault(kind, dict(given))[cell.model] = made
        for kind, rows in panels.items():
            figure = image_grid(list(rows.values()), list(rows))
            results.figure(
                f"{kind}_{slug(condition)}", figure, f"Excluded combinations: {condition}",
                "What one seed of each model makes of combinations that it never saw.",
            )  # fmt: skip


@torch.no_grad()
def shown_of(run: Run, data: ImageDataset, n: int) -> dict[str, tuple[dict[str, NDArray], NDArray]]:
    """Return what a run makes of `n` excluded images: kind of picture -> given rows, and its own.

    Each is (n, C, H, W) in [0, 1]. A predictor makes no pictures.
    """
    model = run.model()
    if model.kind == "predictor":
        return {}
    if getattr(model, "operator", None) is not None:
        from replearn.study.composition import example_triples

        given, target = example_triples(run.config, data, n, "test")
        made = model(given).x_mean[:, -1]
        rows = {
            "reference": given.images[:, 0],
            "command": given.images[:, 1],
            "transformed": target[:, -1],
        }
        return {"transformations": ({k: v.numpy() for k, v in rows.items()}, made.numpy())}
    positions = probe_of(run.config["dataset"], data, N_PROBE, part="test").indices
    chosen = positions[np.linspace(0, len(positions) - 1, min(n, len(positions))).astype(int)]
    images = data.batch(torch.from_numpy(chosen))
    inputs = factor_values(data)[chosen] if model.kind == "decoder" else images
    return {"examples": ({"image": images.numpy()}, model(inputs).x_mean.numpy())}


def first_seed(cell: Cell) -> Run:
    """Return the run of a cell with the lowest seed."""
    return min(cell.runs, key=lambda run: (run.config["seed"], run.id))
