"""What conditions, models and seeds show: errors, disentanglement, encoder and decoder, tables."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from replearn.analysis.figures.clouds import Cloud, cloud_grid
from replearn.analysis.figures.error_dots import error_dots
from replearn.analysis.rank_correlation import RankCorrelation, rank_correlation
from replearn.analysis.statistics import student_interval
from replearn.study.columns import CONDITION, choose_columns
from replearn.study.condition_grid import Cell, ConditionGrid, slug
from replearn.study.results import Results

# How wrong a model is on images: the first of these that it has of excluded ones, and its unit.
ERRORS = {
    "prediction_r2": "R² of the predicted factors",
    "nll_above_entropy": "NLL above the entropy of the images (nats per image)",
    "squared_error": "squared error (per image, of values in [0, 1])",
    "accuracy": "accuracy",
    "loss": "loss",
}
KINDS = {"train_": "training", "": "held out", "matched_": "matched", "test_": "excluded"}
# Of pictures: nats of several likelihoods do not compare, squared errors do.
PICTURE_ERRORS = ("nll_above_entropy", "squared_error")
TRANSFORMED = "transformed_"
AS_HARD = (
    "Matched: what excluded images would have if they were as hard as their parts; where there is "
    "no such thing (extrapolation), held-out images."
)
DISENTANGLEMENT = {
    "dci_disentanglement": "D",
    "dci_completeness": "C",
    "dci_informativeness": "I",
}
# Squared errors that are the encoder's and the decoder's.
HALVES = ("encoder_gap", "least_error")
# Rows of a figure of clouds.
_MOST_ROWS = 5
_PER_LINE = 3


def draw_errors(results: Results, grid: ConditionGrid) -> None:
    """Draw the errors on training, held-out and excluded images: models by conditions.

    Of runs of the composition task also those of the transformed images.
    """
    errors = errors_of(grid)
    for key, title in errors.items():
        own = replace(grid, cells=[c for c in grid.cells if _error(c, errors) == key])
        if not own.cells:
            continue
        name = "errors" if key in PICTURE_ERRORS else f"errors_{key}"
        _draw_error(results, own, name, key, title)
        composed = own.having(f"{TRANSFORMED}{key}", f"test_{TRANSFORMED}{key}")
        if composed.cells:
            title = f"{title}, of transformed images"
            _draw_error(results, composed, f"{name}_transformed", f"{TRANSFORMED}{key}", title)


def _draw_error(results: Results, grid: ConditionGrid, name: str, key: str, title: str) -> None:
    kinds = {prefix: kind for prefix, kind in KINDS.items() if grid.having(f"{prefix}{key}").cells}
    models = grid.models
    panels = {
        condition: {
            kind: _intervals(grid.of_condition(condition), models, f"{prefix}{key}")
            for prefix, kind in kinds.items()
        }
        for condition in grid.conditions
    }
    seeds = sorted({len(cell.runs) for cell in grid.cells})
    n = f"{seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else f"{seeds[0]}"
    note = f"Means and, from 3 seeds on, 95 % Student-t intervals over seeds (n = {n})."
    log = key.removeprefix(TRANSFORMED) in PICTURE_ERRORS
    figure = error_dots(models, panels, title, log, note)
    results.figure(name, figure, f"Errors: {title}", note)


def draw_disentanglement(results: Results, grid: ConditionGrid) -> dict[str, RankCorrelation]:
    """Draw D, C and I against the generalisation gap, one point a run; return D's correlations.

    The gap is how much larger the error of excluded images is than that of held-out ones, matched
    by how hard the named factors' values are (docs/generalisation.md) where these were trained on.
    """
    gap = next(key for key in errors_of(grid) if key in PICTURE_ERRORS)
    own = grid.having(gap, f"test_{gap}", *DISENTANGLEMENT)
    found: dict[str, RankCorrelation] = {}
    rows = []
    for condition in own.conditions:
        cells = own.of_condition(condition)
        baseline = f"{_baseline(cells, gap)}{gap}"
        y = np.subtract(_all(cells, f"test_{gap}"), _all(cells, baseline)).tolist()
        row = []
        for key in DISENTANGLEMENT:
            x = _all(cells, key)
            rho = rank_correlation(x, y)
            found.setdefault(condition, rho)
            title = condition if key == "dci_disentanglement" else ""
            row.append(Cloud(title, x, y, _names(cells), note=said(rho)))
        rows.append(row)
    text = (
        "Spearman's ρ over runs with its 95 % interval (Bonett and Wright), which takes runs for "
        f"independent: those of one model are alike. Gap: {ERRORS[gap]} of excluded images less "
        f"that of matched ones. {AS_HARD} D, C and I: DCI."
    )
    unit = {"nll_above_entropy": "nats", "squared_error": "squared error"}[gap]
    for i, page in enumerate(_pages(rows, _MOST_ROWS)):
        figure = cloud_grid(page, list(DISENTANGLEMENT.values()), f"gap ({unit} per image)")
        results.figure(
            f"disentanglement{_number(i)}", figure, "Disentanglement and generalisation", text
        )
    return found


def draw_encoder_decoder(results: Results, grid: ConditionGrid) -> None:
    """Draw the part of the error that is the encoder's against the decoder's, one point a run.

    Of excluded images, and of images that are as hard.
    """
    own = grid.having(*HALVES, *(f"test_{key}" for key in HALVES))
    clouds = []
    for condition in own.conditions:
        cells = own.of_condition(condition)
        x, y = (
            [*_all(cells, f"test_{key}"), *_all(cells, f"{_baseline(cells, *HALVES)}{key}")]
            for key in HALVES
        )
        names = _names(cells)
        filled = [True] * len(names) + [False] * len(names)
        clouds.append(Cloud(condition, x, y, names * 2, filled))
    for i, page in enumerate(_pages(clouds, _MOST_ROWS * _PER_LINE)):
        rows = list(_pages(page, _PER_LINE))
        figure = cloud_grid(
            rows, ["squared error: encoder's part"] * len(rows[0]), "decoder's part",
            ("excluded", "matched"), log=True, diagonal=True,
        )  # fmt: skip
        text = (
            "Of the squared error per image, the decoder's part is what the best latent leaves, "
            f"the encoder's what another latent adds. {AS_HARD}"
        )
        results.figure(f"encoder_decoder{_number(i)}", figure, "Encoder and decoder", text)


def write_tables(
    results: Results, grid: ConditionGrid, columns: Sequence[str] | None, caption: str, note: str
) -> None:
    """Write tables for each condition: a row a model, the mean over seeds with its interval.

    One of errors and D, C and I; and one of what says which half of the network errs.
    """
    _, other = sorted(PICTURE_ERRORS, key=list(errors_of(grid)).index)
    unshown = {f"{prefix}{task}{other}" for prefix in KINDS for task in ("", TRANSFORMED)}
    known = [column for column in CONDITION if column.key not in unshown]
    of_halves = [column for column in known if column.key.endswith(("probe_r2", *HALVES))]
    names: dict[str, int] = {}
    for condition in grid.conditions:
        groups = [cell.group for cell in grid.of_condition(condition)]
        there = {key for group in groups for key in group.cells}
        name = slug(condition)
        names[name] = names.get(name, 0) + 1
        name += f"_{names[name]}" if names[name] > 1 else ""
        words = f"{condition}. {caption}".strip()
        if columns is not None:
            shown = choose_columns(groups, [key for key in columns if key in there])
        else:
            shown = [c for c in known if c.key in there and c not in of_halves]
            shown = shown or choose_columns(groups, None)
        if shown:
            results.table(name, groups, shown, words, note)
        halves = [column for column in of_halves if column.key in there]
        own = [group for group in groups if any(group.values(c.key) for c in halves)]
        if columns is None and own:
            results.table(f"{name}_halves", own, halves, f"Encoder and decoder: {words}", note)


def check_columns(grid: ConditionGrid, columns: Sequence[str] | None) -> None:
    """Raise an InputError if a score is asked for that no run has."""
    choose_columns([cell.group for cell in grid.cells], columns)


def errors_of(grid: ConditionGrid) -> dict[str, str]:
    """Return the errors by which the models of a grid compare, the best first, and their units.

    The negative log-likelihoods of two likelihoods do not: then squared errors come first.
    """
    losses = (
        cell.runs[0].config.get("training", {}).get("loss", {})
        for cell in grid.cells
        if cell.values("test_nll_above_entropy")
    )
    likelihoods = {loss.get("params", {}).get("likelihood") for loss in losses}
    keys = list(ERRORS)
    if len(likelihoods) > 1:
        keys.sort(key=lambda key: key == "nll_above_entropy")
    return {key: ERRORS[key] for key in keys}


def said(rho: RankCorrelation) -> str:
    """Return a correlation in words: "ρ = 0.31 [−0.10, 0.63], n = 24"; n alone of too few runs.

    Of ±1 there is no interval.
    """
    if not np.isfinite(rho.value) or rho.n < 3:
        return f"n = {rho.n}"
    interval = f" [{rho.low:.2f}, {rho.high:.2f}]" if np.isfinite(rho.low) else ""
    return f"ρ = {rho.value:.2f}{interval}, n = {rho.n}".replace("-", "\N{MINUS SIGN}")


def _error(cell: Cell, errors: Mapping[str, str]) -> str | None:
    """Return which error a cell is drawn with: the first that it has of excluded images, too."""
    return next((k for k in errors if cell.values(f"test_{k}") and cell.values(k)), None)


def _intervals(
    cells: Sequence[Cell], models: Sequence[str], key: str
) -> tuple[list[float], list[float]]:
    own: Mapping[str, Cell] = {cell.model: cell for cell in cells}
    found = [student_interval(own[m].values(key) if m in own else ()) for m in models]
    return [i.mean for i in found], [
        np.nan if i.half_width is None else i.half_width for i in found
    ]


def _baseline(cells: Sequence[Cell], *keys: str) -> str:
    """Return the prefix of what excluded images compare with: matched, if all runs have them."""
    values = [cell.values(f"matched_{key}") for cell in cells for key in keys]
    return "matched_" if all(len(own) and np.isfinite(own).all() for own in values) else ""


def _all(cells: Sequence[Cell], key: str) -> list[float]:
    return [value for cell in cells for value in cell.values(key)]


def _names(cells: Sequence[Cell]) -> list[str]:
    return [cell.model for cell in cells for _ in cell.runs]


def _pages(items: Sequence, size: int) -> Iterator[list]:
    for start in range(0, len(items), size):
        yield list(items[start : start + size])


def _number(page: int) -> str:
    return "" if page == 0 else f"_{page + 1}"
