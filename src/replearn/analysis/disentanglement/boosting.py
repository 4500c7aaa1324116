"""The published boosted trees, grown by LightGBM: all values of a factor at once, on binned codes.

scikit-learn's `GradientBoostingClassifier` sorts all inputs in every node of thousands of trees.
LightGBM bins them once, but its own trees are others: it splits where the gain of Newton's step is
largest, and D of a mixture of five factors is .30 where the reference has .20 (N = 10,000). It is
given second derivatives of 1, with which splits and importances are those of squared residuals, and
the leaves of its trees get scikit-learn's values here. With a bin for each code the trees are the
same, but for draws between equal splits.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from replearn.analysis.disentanglement.codes import Array
from replearn.errors import InputError

STAGES, DEPTH, RATE = 100, 3, 0.1
LEAVES = 2**DEPTH
# Of so many inputs each code has a bin of its own; of more, codes share 255.
EXACT, BINS = 2000, 255
_TIE = 1e-6  # gains that differ by less, relatively, are equal


class BoostedTrees:
    """Gradient boosting of the log-loss: 100 stages of trees of depth 3, at a rate of 0.1.

    Attributes:
        feature_importances_: (D,) after `fit`, shares in all reduction of squared residuals.

    Source:
        Friedman (2001), Annals of Statistics 29(5), algorithms 5 and 6, as in scikit-learn 1.9.
    """

    def __init__(self, seed: int, bins: int | None = None):
        self.seed, self.bins = seed, bins

    def fit(self, x: Array, y: Any) -> "BoostedTrees":
        """Fit codes (N, D) to the values (N,) of a factor, of which there are two or more."""
        lightgbm = _lightgbm()
        self.values, index = np.unique(y, return_inverse=True)
        share = np.bincount(index) / len(index)
        # Of two values, one score tells them apart.
        self.start = np.log(share) if len(share) > 2 else np.log(share[1:] / share[:1])
        n, v = len(index), len(self.start)
        target = index[:, None] == np.arange(len(share))[-v:]
        rng = np.random.default_rng(self.seed)
        parameters = {
            "objective": "none",
            "num_class": v,
            "learning_rate": 1.0,
            "num_leaves": LEAVES,
            "max_depth": DEPTH,
            "min_data_in_leaf": 1,
            "min_sum_hessian_in_leaf": 0.0,
            "min_data_in_bin": 1,
            "max_bin": max(2, self.bins or (n if n <= EXACT else BINS)),
            "use_missing": False,
            "feature_pre_filter": False,
            "enable_bundle": False,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": 1,
            "verbosity": -1,
        }
        data = lightgbm.Dataset(x, index, params=parameters)
        self.booster = lightgbm.Booster(parameters, data)
        ones = np.ones((n, v), dtype=np.float32)
        self.fitted, scores = x, np.tile(self.start, (n, 1))
        self.leaves: list[Array] = []
        for _ in range(STAGES):
            # Of equal splits LightGBM takes the first latent's: let chance say which that is.
            draw = 1 + _TIE * rng.random(x.shape[1])
            self.booster.reset_parameter({"feature_contri": draw.tolist()})
            probability = _probabilities(scores)
            residual = target - probability
            if self.booster.update(fobj=lambda *_, r=residual: (_shaped(-r), _shaped(ones))):
                break  # nothing is left to split
            place = self._leaves_of(x, len(self.leaves), 1)[:, 0]
            up, down = (
                np.bincount(place.ravel(), values.ravel(), LEAVES * v)
                for values in (residual, probability * (1 - probability))
            )
            # Newton's step; where each of V values has a score, only V - 1 of them are free.
            step = RATE * (1 - 1 / v if v > 1 else 1)
            self.leaves.append(step * up / np.where(down > 1e-150, down, np.inf))
            scores += self.leaves[-1][place]
        self.scores = scores
        gains = self.booster.feature_importance("gain")
        self.feature_importances_ = gains / (gains.sum() or 1.0)
        return self

    def predict(self, x: Array) -> NDArray:
        """Return the likeliest value (N,) of codes (N, D)."""
        scores = self.scores if x is self.fitted else self._scores(x)
        best = scores.argmax(axis=1) if len(self.values) > 2 else (scores[:, 0] > 0).astype(int)
        return self.values[best]

    def _scores(self, x: Array) -> Array:
        places = self._leaves_of(x, 0, len(self.leaves))
        scores = np.tile(self.start, (len(x), 1))
        for stage, leaf in enumerate(self.leaves):
            scores += leaf[places[:, stage]]
        return scores

    def _leaves_of(self, x: Array, start: int, stages: int) -> NDArray[np.intp]:
        """Return (N, stages, V): the places in `leaves` that codes (N, D) fall in."""
        v = len(self.start)
        found = self.booster.predict(x, start_iteration=start, num_iteration=stages, pred_leaf=True)
        return np.asarray(found, dtype=np.intp).reshape(len(x), -1, v) * v + np.arange(v)


def _lightgbm() -> Any:
    try:
        import lightgbm
    except OSError as error:
        raise InputError(
            f"LightGBM, which grows the trees of DCI, does not load ({error}): install libgomp1, "
            "or take another method, such as lasso"
        ) from error
    return lightgbm


def _probabilities(scores: Array) -> Array:
    from scipy.special import expit, softmax

    return expit(scores) if scores.shape[1] == 1 else softmax(scores, axis=1)


def _shaped(values: NDArray) -> NDArray:
    """Return (N, V) as LightGBM takes it, (N,) where V is 1."""
    return values.astype(np.float32) if values.shape[1] > 1 else values[:, 0].astype(np.float32)
