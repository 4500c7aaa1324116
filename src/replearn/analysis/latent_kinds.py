"""Which latents of a VAE are used, and how much of its means its samples still show: collapse."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replearn.analysis.dimension import Dimensions, dimensions
from replearn.analysis.similarity import compare_all
from replearn.analysis.similarity.representation import as_matrix
from replearn.errors import InputError

ACTIVE, MIXED, PASSIVE = "active", "mixed", "passive"
# A variance is steady if its own variance over inputs is below this; then small means active, and
# one means passive, up to this.
STEADY = 0.1


@dataclass(frozen=True)
class LatentReport:
    """How a VAE uses its D latents on N inputs.

    Attributes:
        kinds: (D,) of each latent, as `latent_kinds`.
        cka: debiased CKA between means and samples: near 1 without collapse, and lower the more of
            the sample is noise. NaN if the means are constant.
        cka_error: its standard error over the choice of inputs.
        of_means, of_samples: what `dimensions` says of them.
    """

    kinds: NDArray[np.str_]
    cka: float
    cka_error: float
    of_means: Dimensions
    of_samples: Dimensions

    def count(self, kind: str) -> int:
        """Return how many latents are active, mixed or passive."""
        return int(np.count_nonzero(self.kinds == kind))

    @property
    def dimension_difference(self) -> float:
        """Return by how much the samples have the higher intrinsic dimension (`mle`).

        Passive latents are noise in the samples, which fills them, and constant in the means.
        """
        return self.of_samples.mle.value - self.of_means.mle.value


def latent_kinds(logvar: Any) -> NDArray[np.str_]:
    """Return (D,) for each latent "active", "passive" or "mixed", from its posterior variances.

    With v = exp(logvar) over the inputs: active if Var(v) < 0.1 and mean v <= 0.1 (always precise);
    passive if Var(v) < 0.1 and 0.9 <= mean v <= 1.1 (always the prior); mixed otherwise (used for
    some inputs, or never sure).

    This is another question than `disentanglement.active_latents`, which asks whether the mean of a
    latent varies over the inputs. The newest published code takes exp of variances, and so calls
    the active latents passive.

    Args:
        logvar: (N, D), log-variances of the posterior.

    Raises:
        InputError: if it is no matrix, or a variance is not finite.

    Source:
        Bonheme & Grzes (2021), Be More Active!, arXiv:2109.12679, section 4; thresholds of
        github.com/bonheml/VAE_learning_dynamics.
    """
    with np.errstate(over="ignore"):
        variance = np.exp(as_matrix(logvar, "logvar").astype(np.float64))
    if not np.isfinite(variance).all():
        raise InputError("the posterior variances hold NaN or infinite values; the model diverged.")
    mean, steady = variance.mean(axis=0), variance.var(axis=0) < STEADY
    kinds = np.full(variance.shape[1], MIXED, dtype="<U7")
    kinds[steady & (mean <= STEADY)] = ACTIVE
    kinds[steady & (np.abs(mean - 1.0) <= STEADY)] = PASSIVE
    return kinds


def latent_report(mean: Any, logvar: Any, z: Any, k: int = 20) -> LatentReport:
    """Return how a VAE uses its latents, from the posteriors of N inputs and a sample of each.

    Args:
        mean, logvar: (N, D), of the posteriors.
        z: (N, D), one draw from each.
        k: neighbours of the intrinsic dimensions.

    Raises:
        InputError: as `latent_kinds`; or if there are fewer than 4 inputs.

    Source:
        Bonheme & Grzes (2022), arXiv:2205.08399 (CKA) and arXiv:2209.12806 (dimensions).
    """
    compared = compare_all({"mean": mean, "z": z}, "cka_debiased", standard_errors=True)
    return LatentReport(
        latent_kinds(logvar),
        float(compared.values["cka_debiased"][0, 1]),
        float(compared.errors["cka_debiased"][0, 1]),
        dimensions(mean, k, label="mean"),
        dimensions(z, k, label="z"),
    )
