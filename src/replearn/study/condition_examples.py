"""Pictures of what was excluded: which combinations go wrong, and what models draw for them."""

from replearn.study.condition_grid import ConditionGrid
from replearn.study.results import Results


def draw_maps(results: Results, grid: ConditionGrid) -> None:
    """Draw the error of each combination of factors, the mean over seeds."""


def draw_examples(results: Results, grid: ConditionGrid, n: int) -> None:
    """Draw what one seed of each model makes of excluded images."""
