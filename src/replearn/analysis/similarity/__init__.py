"""Similarity of representations: the measures, two at a time or all pairs."""

from replearn.analysis.similarity.all_pairs import compare, compare_all, progress_bars
from replearn.analysis.similarity.columns import (
    column_angles,
    column_cosines,
    matched_correlations,
)
from replearn.analysis.similarity.measure import Chosen, Measure, choose, choose_all
from replearn.analysis.similarity.measures import MEASURES
from replearn.analysis.similarity.representation import Factors, compact, factorise
from replearn.analysis.similarity.result import SimilarityResult

__all__ = [
    "MEASURES",
    "Chosen",
    "Factors",
    "Measure",
    "SimilarityResult",
    "choose",
    "choose_all",
    "column_angles",
    "column_cosines",
    "compact",
    "compare",
    "compare_all",
    "factorise",
    "matched_correlations",
    "progress_bars",
]
