"""The registry of similarity measures: each stands with its promises beside its function."""

from replearn.analysis.similarity import (
    cca,
    cka,
    columns,
    distances,
    functional,
    kernels,
    matching,
    neighbours,
    procrustes,
    regression,
    statistics,
    stochastic,
    topology,
)
from replearn.analysis.similarity.measure import Measure

_FAMILIES = (
    cka,
    kernels,
    distances,
    cca,
    procrustes,
    matching,
    columns,
    regression,
    neighbours,
    statistics,
    topology,
    functional,
    stochastic,
)

MEASURES: dict[str, Measure] = {
    measure.name: measure for family in _FAMILIES for measure in family.MEASURES
}
