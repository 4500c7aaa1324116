"""How disentangled the codes of a run are: every metric, as flat numbers of a result."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replearn.analysis import disentanglement as metrics
from replearn.analysis.disentanglement import DCI, LatentScores
from replearn.errors import InputError
from replearn.registry import lookup

Metric = Callable[..., LatentScores]
# Of codes and factors; `dci` gets its method, too.
OF_FACTORS: Mapping[str, Metric] = {
    "dci": metrics.dci,
    "mig": metrics.mig,
    "sap": metrics.sap,
    "modularity": metrics.modularity,
    "explicitness": metrics.explicitness,
    "irs": metrics.irs,
}
# Of codes alone.
OF_CODES: Mapping[str, Metric] = {
    "gaussian_total_correlation": metrics.gaussian_total_correlation,
    "wasserstein_correlation": metrics.wasserstein_correlation,
    "mean_latent_mutual_information": metrics.mean_latent_mutual_information,
}
# Of the codes of the whole grid: these encode every image of the data set.
OF_GRID: Mapping[str, Metric] = {
    "beta_vae_score": metrics.beta_vae_score,
    "factor_vae_score": metrics.factor_vae_score,
}
METRICS = {**OF_FACTORS, **OF_CODES, **OF_GRID}


@dataclass(frozen=True)
class Scored:
    """What the metrics say of the codes of one run.

    Attributes:
        scores: flat numbers: `mig`, `mig_ceiling`, `dci_disentanglement` ...; what is infinite or
            not defined is left out.
        dci: the whole result of DCI, or None if it was not asked for or there are no factors.
        notes: what the metrics say beside, each sentence once.
    """

    scores: dict[str, float]
    dci: DCI | None
    notes: tuple[str, ...]


def check_metrics(names: Sequence[str] | None) -> None:
    """Raise an InputError unless all metrics are known."""
    for name in names or ():
        lookup(METRICS, name, "disentanglement metric")


def score(
    codes: NDArray,
    factors: NDArray | None,
    active: NDArray,
    names: Sequence[str] | None = None,
    method: str = "fast",
    grid: Callable[[], tuple[NDArray, Sequence[int]]] | None = None,
) -> Scored:
    """Return the scores of codes (N, D), latents that are not active (D,) left out.

    Args:
        factors: (N, K) indices; without them metrics of factors are left out.
        names: metrics, keys of METRICS; None: all but those of the whole grid.
        method: of DCI.
        grid: gives the codes of all combinations of factors and the sizes of the factors; None if
            the data are no grid.

    Raises:
        InputError: if a metric is unknown, or needs a grid that is not there.
    """
    check_metrics(names)
    found: dict[str, LatentScores] = {}
    for name in [*OF_FACTORS, *OF_CODES] if names is None else names:
        if name in OF_CODES:
            found[name] = OF_CODES[name](codes, active=active)
        elif name in OF_GRID:
            if grid is None:
                raise InputError(
                    f"{name} draws pairs of images that share a factor: it needs a data set that "
                    f"is a whole grid of factors, such as dsprites"
                )
            found[name] = OF_GRID[name](*grid())
        elif factors is not None and (name != "modularity" or factors.shape[1] > 1):
            options = {"method": method} if name == "dci" else {}
            found[name] = OF_FACTORS[name](codes, factors, active=active, **options)
    scores = {"dead_latents": float(np.count_nonzero(~active))}
    for name, each in found.items():
        scores |= _flat(name, each)
    notes = dict.fromkeys(each.note for each in found.values() if each.note)
    finite = {key: value for key, value in scores.items() if np.isfinite(value)}
    return Scored(finite, found.get("dci"), tuple(notes))  # type: ignore[arg-type]


def _flat(name: str, found: Any) -> dict[str, float]:
    scores = found.scores()
    if name == "dci":
        return {f"dci_{key}": value for key, value in scores.items()}
    if name == "mig":
        return {"mig": scores["mig"], "mig_ceiling": scores["ceiling"]}
    return {key: value for key, value in scores.items() if key != "dead_latents"}
