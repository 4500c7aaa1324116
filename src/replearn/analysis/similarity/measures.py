"""The registry of similarity measures: each stands with its promises beside its function."""

from replearn.analysis.similarity import (
    cca,
    cka,
    distances,
    functional,
    matching,
    neighbours,
    procrustes,
    regression,
    statistics,
)
from replearn.analysis.similarity.measure import Measure

_FAMILIES = (
    cka,
    distances,
    cca,
    procrustes,
    matching,
    regression,
    neighbours,
    statistics,
    functional,
)

MEASURES: dict[str, Measure] = {
    measure.name: measure for family in _FAMILIES for measure in family.MEASURES
}
