"""Does a network know combinations of factors that it never saw, and if not, which half of it?"""

from replearn.analysis.generalisation.combinations import (
    by_combination,
    evenly,
    free_of_exclusion,
    spread,
)
from replearn.analysis.generalisation.effects import Effects, fit_effects, matched_errors
from replearn.analysis.generalisation.expectation import Expectation, fit_expectation
from replearn.analysis.generalisation.image_errors import (
    bits_per_value,
    least_nll,
    ssim,
)
from replearn.analysis.generalisation.readout import (
    Readout,
    fit_readout,
    relative_errors,
    total_variance,
)
from replearn.analysis.generalisation.responses import responding_latents, shares_of_variance
from replearn.analysis.generalisation.targets import target_tables, targets_of

__all__ = [
    "Effects",
    "Expectation",
    "Readout",
    "bits_per_value",
    "by_combination",
    "evenly",
    "fit_effects",
    "fit_expectation",
    "fit_readout",
    "free_of_exclusion",
    "least_nll",
    "matched_errors",
    "relative_errors",
    "responding_latents",
    "shares_of_variance",
    "spread",
    "ssim",
    "target_tables",
    "targets_of",
    "total_variance",
]
