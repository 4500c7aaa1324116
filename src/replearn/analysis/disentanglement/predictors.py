"""What predicts factors from codes for DCI, and how much each latent counted for it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from replearn.analysis.disentanglement.boosting import BoostedTrees
from replearn.analysis.disentanglement.codes import Array, Integers

# A factor is told if, on held-out codes, the predictor beats a constant guess, or what it predicts
# correlates with the values, by this many standard errors. Of many values in an order, few may be
# hit exactly where many are nearly.
_ERRORS = 3.0


@dataclass(frozen=True)
class Prediction:
    """How well one factor is predicted.

    Attributes:
        importance: (D,) of the latents that were given.
        train, test, guess: accuracy or R² of fitted codes, of held-out codes, and of always
            guessing the most frequent value (or the mean) there.
        told: whether held-out codes tell of the factor at all.
    """

    importance: Array
    train: float
    test: float
    guess: float
    told: bool


@dataclass(frozen=True)
class Predictor:
    """An estimator of scikit-learn's kind, and what to call it.

    Attributes:
        make: from a seed.
        label: for the numbers.
        importance: (D,) of a fitted one.
        regression: whether it predicts the factor as a number, standardised, and is measured by
            R²; else as a class, by accuracy.
    """

    make: Callable[[int], Any]
    label: str
    importance: Callable[[Any], Array] = lambda model: model.feature_importances_
    regression: bool = False

    def predict(
        self, seed: int, x: Array, y: Integers, x_test: Array, y_test: Integers
    ) -> Prediction:
        """Fit codes (N, D) to one factor (N,) that varies, and measure it on held-out ones.

        Without a latent, D = 0, the prediction is the guess.
        """
        values, counts = np.unique(y, return_counts=True)
        target, target_test, guess = y, y_test, values[counts.argmax()]
        if self.regression:
            centre, width = y.mean(), y.std()
            target, target_test, guess = (y - centre) / width, (y_test - centre) / width, 0.0
        guess_loss = self._loss(np.full(len(y_test), guess), target_test)
        at_chance = self._score(guess_loss, target_test)
        if not x.shape[1]:
            train = self._score(self._loss(np.full(len(y), guess), target), target)
            return Prediction(np.zeros(0), train, at_chance, at_chance, told=False)
        model = self.make(seed).fit(x, target)
        predicted = model.predict(x_test)
        loss = self._loss(predicted, target_test)
        return Prediction(
            importance=np.abs(self.importance(model)).astype(np.float64),
            train=self._score(self._loss(model.predict(x), target), target),
            test=self._score(loss, target_test),
            guess=at_chance,
            told=_beats(guess_loss - loss) or _correlates(predicted, target_test),
        )

    def _loss(self, predicted: Any, target: Any) -> Array:
        wrong = (predicted - target) ** 2 if self.regression else predicted != target
        return np.asarray(wrong, dtype=np.float64)

    def _score(self, loss: Array, target: Any) -> float:
        spread = np.var(target) if self.regression else 1.0
        return float(1.0 - loss.mean() / (spread or 1.0))


def _beats(gain: Array) -> bool:
    return bool(gain.mean() > _ERRORS * gain.std() / np.sqrt(len(gain)))


def _correlates(predicted: Any, target: Any) -> bool:
    predicted, target = predicted - np.mean(predicted), target - np.mean(target)
    # Without correlation, r has the standard error 1 / sqrt(N).
    size = np.sqrt((predicted**2).sum() * (target**2).sum())
    return bool((predicted * target).sum() * np.sqrt(len(target)) > _ERRORS * size > 0)


def _boosted_trees(seed: int) -> Any:
    from sklearn.ensemble import GradientBoostingClassifier

    return GradientBoostingClassifier(random_state=seed)


def _forest(seed: int) -> Any:
    from sklearn.ensemble import RandomForestRegressor

    return RandomForestRegressor(n_estimators=50, random_state=seed)


def _lasso(seed: int) -> Any:
    from sklearn.linear_model import Lasso

    # Published as LassoCV with this one strength, that is without a choice.
    return Lasso(alpha=0.02)


METHODS: Mapping[str, Predictor] = {
    "fast": Predictor(BoostedTrees, "gradient-boosted trees (binned)"),
    "reference": Predictor(_boosted_trees, "gradient-boosted trees (published)"),
    "forest": Predictor(_forest, "regression forest, 50 trees (R²)", regression=True),
    "lasso": Predictor(_lasso, "lasso 0.02 (R²)", lambda model: model.coef_, regression=True),
}
