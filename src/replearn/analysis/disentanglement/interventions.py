"""β-VAE and FactorVAE scores: which factor was held still, told from how codes then vary."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from replearn.analysis.disentanglement.codes import (
    ACTIVE_VARIANCE,
    Array,
    Integers,
    LatentScores,
    Mask,
    finite_codes,
    mask_of,
    note_of,
)
from replearn.errors import InputError

Encode = Callable[[Integers], Any]
# Codes of so many inputs are asked for at once.
_AT_ONCE = 65_536


@dataclass(frozen=True, kw_only=True)
class InterventionScore(LatentScores):
    """How often the factor that was held still is told from the codes.

    Attributes:
        train: accuracy on the points that the classifier was fitted to.
        test: accuracy on new points.
        chance: of guessing one of the K factors.
        matrix: (D, K); of the β-VAE score the coefficients of the classifier, of the FactorVAE
            score the training votes of each latent for each factor.
        method: name and sizes, to be shown with the numbers.
    """

    train: float
    test: float
    chance: float
    matrix: Array
    method: str

    @property
    def above_chance(self) -> float:
        """Return how far `test` is from chance (0) to perfect (1)."""
        return (self.test - self.chance) / (1 - self.chance)

    def scores(self) -> dict[str, float]:
        """Return the numbers to log."""
        name = self.method.split(":")[0]
        return {
            f"{name}_train": self.train,
            name: self.test,
            f"{name}_chance": self.chance,
            "dead_latents": float(self.n_dead),
        }


def beta_vae_score(
    encode: Encode | Array,
    sizes: Any,
    *,
    batch: int = 64,
    n_train: int = 10_000,
    n_test: int = 5_000,
    active: Any = None,
    seed: int = 0,
) -> InterventionScore:
    """Return the β-VAE score: linear classification of mean |z1 - z2| of pairs that share a factor.

    It is no measure of single latents: a code that mixes all factors can have .998.

    Args:
        encode: gives the codes (B, D) of factors (B, K), indices of values; or codes
            (prod(sizes), D) of the whole grid, the last factor fastest.
        sizes: (K,), numbers of values of the factors.
        batch: pairs of inputs behind one point.
        n_train, n_test: points; 2 * batch inputs are encoded for each.
        active: (D,) mask of the latents to use; by default those whose variance over the first
            inputs is above 0.01. `True` uses all, as published.
        seed: of the factors, which are drawn uniformly and in the published order.

    Raises:
        InputError: if there are fewer than two factors, the codes do not fit them, or one is not
            finite.

    Source:
        Higgins et al. (2017), https://openreview.net/forum?id=Sy2fzU9gl, section 3, as in
        google-research/disentanglement_lib, metrics/beta_vae.py (multinomial regression).
    """
    from sklearn.linear_model import LogisticRegression

    sampler = _Sampler(encode, sizes, seed)
    label, feature, first = sampler.differences(n_train, batch)
    mask = mask_of(active, first)
    matrix = np.zeros((len(mask), sampler.k))
    chance = train = test = 1 / sampler.k
    if mask.any():
        model = LogisticRegression(max_iter=1000).fit(feature[:, mask], label)
        # Of two factors, scikit-learn has one row, for the second.
        rows = np.concatenate([-model.coef_, model.coef_]) if sampler.k == 2 else model.coef_
        matrix[np.ix_(mask, model.classes_)] = rows.T
        train = float(model.score(feature[:, mask], label))
        label, feature, _ = sampler.differences(n_test, batch)
        test = float(model.score(feature[:, mask], label))
    return InterventionScore(
        train=train,
        test=test,
        chance=chance,
        matrix=matrix,
        method=f"beta_vae_score: batches of {batch}, N = {n_train}/{n_test}",
        active=mask,
        note=note_of(mask, scores="the score is at chance"),
    )


def factor_vae_score(
    encode: Encode | Array,
    sizes: Any,
    *,
    batch: int = 64,
    n_train: int = 10_000,
    n_test: int = 5_000,
    n_variance: int = 10_000,
    threshold: float = ACTIVE_VARIANCE,
    seed: int = 0,
) -> InterventionScore:
    """Return the FactorVAE score: a vote of the latent that varies least where a factor is held.

    Args:
        encode, sizes, seed: as `beta_vae_score`.
        batch: inputs behind one vote.
        n_train, n_test: votes.
        n_variance: inputs for the variances of the latents.
        threshold: latents of no larger variance are dead; the published one is 0.05² = 0.0025.

    Raises:
        InputError: as `beta_vae_score`.

    Source:
        Kim & Mnih (2018), arXiv:1802.05983, section 2, as in google-research/disentanglement_lib,
        metrics/factor_vae.py.
    """
    sampler = _Sampler(encode, sizes, seed)
    variance = sampler.codes(sampler.draw(n_variance)).var(axis=0, ddof=1)
    mask = variance > threshold
    matrix = np.zeros((len(mask), sampler.k))
    chance = train = test = 1 / sampler.k
    if mask.any():
        matrix[mask] = sampler.votes(n_train, batch, mask, variance)
        held_out = sampler.votes(n_test, batch, mask, variance)
        winner = matrix[mask].argmax(axis=1)
        train = float(matrix[mask].max(axis=1).sum() / n_train)
        test = float(held_out[np.arange(len(winner)), winner].sum() / n_test)
    return InterventionScore(
        train=train,
        test=test,
        chance=chance,
        matrix=matrix,
        method=f"factor_vae_score: batches of {batch}, N = {n_train}/{n_test}",
        active=mask,
        note=note_of(mask, scores="the score is at chance"),
    )


class _Sampler:
    """Draws factors in the order of disentanglement_lib, point by point, and encodes many at once.

    Its generator is numpy's old one, whose stream is fixed for ever.
    """

    def __init__(self, encode: Encode | Array, sizes: Any, seed: int):
        self.sizes = np.asarray(sizes, dtype=np.int64)
        if self.sizes.ndim != 1 or len(self.sizes) < 2 or self.sizes.min() < 1:
            raise InputError(f"expected the sizes of two or more factors, got {sizes}.")
        self.k = len(self.sizes)
        self._encode = encode if callable(encode) else on_grid(encode, self.sizes)
        self._random = np.random.RandomState(seed)

    def draw(self, n: int) -> Integers:
        """Return (n, K) values."""
        return np.stack([self._random.randint(size, size=n) for size in self.sizes], axis=1)

    def codes(self, factors: Integers) -> Array:
        """Return the codes (n, D) of factors (n, K)."""
        codes = finite_codes(self._encode(factors))
        if len(codes) != len(factors):
            raise InputError(
                f"expected `encode` to give a code for each of {len(factors)} inputs, got "
                f"{len(codes)}."
            )
        return codes

    def differences(self, n: int, batch: int) -> tuple[Integers, Array, Array]:
        """Return held factors (n,), mean absolute differences (n, D), and the first codes."""
        label, features, first = np.empty(n, dtype=np.int64), [], np.empty((0, 0))
        for points in _parts(n, 2 * batch):
            pairs = np.empty((2, len(points), batch, self.k), dtype=np.int64)
            for place, point in enumerate(points):
                held = label[point] = self._random.randint(self.k)
                pairs[:, place] = self.draw(batch), self.draw(batch)
                pairs[1, place, :, held] = pairs[0, place, :, held]
            codes = self.codes(pairs.reshape(-1, self.k)).reshape(2, len(points), batch, -1)
            features.append(np.abs(codes[0] - codes[1]).mean(axis=1))
            first = first if len(first) else codes.reshape(-1, codes.shape[-1])
        return label, np.concatenate(features), first

    def votes(self, n: int, batch: int, mask: Mask, variance: Array) -> Array:
        """Return the votes (active D, K) of n points: latent of the least share of its variance."""
        found = np.zeros((int(mask.sum()), self.k))
        for points in _parts(n, batch):
            factors = np.empty((len(points), batch, self.k), dtype=np.int64)
            label = np.empty(len(points), dtype=np.int64)
            for place in range(len(points)):
                held = label[place] = self._random.randint(self.k)
                factors[place] = self.draw(batch)
                factors[place, :, held] = factors[place, 0, held]
            codes = self.codes(factors.reshape(-1, self.k)).reshape(len(points), batch, -1)
            share = codes[:, :, mask].var(axis=1, ddof=1) / variance[mask]
            np.add.at(found, (share.argmin(axis=1), label), 1)
        return found


def on_grid(codes: Any, sizes: Any) -> Encode:
    """Return what looks up codes (prod(sizes), D) of the whole grid, the last factor fastest.

    Raises:
        InputError: if there are not as many codes as combinations of values.
    """
    table, sizes = finite_codes(codes), tuple(int(size) for size in sizes)
    if len(table) != np.prod(sizes):
        raise InputError(
            f"expected a code for each of the {np.prod(sizes)} combinations of {list(sizes)} "
            f"values, got {len(table)}."
        )
    return lambda factors: table[np.ravel_multi_index(tuple(factors.T), sizes)]


def _parts(n: int, inputs: int) -> list[range]:
    """Return the points 0 to n - 1 in parts of no more than `_AT_ONCE` inputs."""
    step = max(1, _AT_ONCE // inputs)
    return [range(start, min(start + step, n)) for start in range(0, n, step)]
