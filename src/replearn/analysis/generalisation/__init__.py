"""Does a network know combinations of factors that it never saw, and if not, which half of it?"""

from replearn.analysis.generalisation.combinations import by_combination, spread
from replearn.analysis.generalisation.expectation import Expectation, fit_expectation
from replearn.analysis.generalisation.image_errors import (
    bits_per_value,
    least_nll,
    squared_error,
    ssim,
)
from replearn.analysis.generalisation.readout import (
    Readout,
    fit_readout,
    r_squared,
    total_variance,
)
from replearn.analysis.generalisation.targets import target_tables, targets_of

__all__ = [
    "Expectation",
    "Readout",
    "bits_per_value",
    "by_combination",
    "fit_expectation",
    "fit_readout",
    "least_nll",
    "r_squared",
    "squared_error",
    "spread",
    "ssim",
    "target_tables",
    "targets_of",
    "total_variance",
]
