"""The registry of similarity measures: one entry a measure, with what it promises."""

import math

from replearn.analysis.similarity import cka, procrustes
from replearn.analysis.similarity.measure import Measure

_SHAPE = frozenset({"translation", "rotation", "scaling", "permutation"})

MEASURES: dict[str, Measure] = {
    measure.name: measure
    for measure in (
        Measure(
            name="cka_linear",
            matrix=cka.cka_linear,
            identical=1.0,
            higher_is_closer=True,
            range=(0.0, 1.0),
            symmetric=True,
            is_metric=False,
            invariant_to=_SHAPE,
            source="Kornblith et al. (2019), arXiv:1905.00414",
            null=cka.cka_linear_null,
            groups=frozenset({"linear"}),
        ),
        Measure(
            name="cka_debiased",
            matrix=cka.cka_debiased,
            identical=1.0,
            higher_is_closer=True,
            range=(-1.0, 1.0),
            symmetric=True,
            is_metric=False,
            invariant_to=_SHAPE,
            source="Song et al. (2012); Kornblith et al. (2019), arXiv:1905.00414",
            min_inputs=4,
            null=cka.cka_debiased_null,
            undefined_when="all inputs are equally far apart in one of them",
            groups=frozenset({"linear"}),
        ),
        Measure(
            name="procrustes_angular",
            matrix=procrustes.procrustes_angular,
            identical=0.0,
            higher_is_closer=False,
            range=(0.0, math.pi / 2),
            symmetric=True,
            is_metric=True,
            invariant_to=_SHAPE,
            source="Williams et al. (2021), arXiv:2110.14739",
            uses=frozenset({"coordinates"}),
            groups=frozenset({"linear"}),
        ),
    )
}
