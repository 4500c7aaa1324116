"""The shape metric of VAEs that compares whole posteriors: what is encoded, and how surely."""

import math
from dataclasses import dataclass

import numpy as np

from replearn.analysis.similarity.inputs import POSTERIORS, Parts
from replearn.analysis.similarity.pairs import each_pair
from replearn.analysis.similarity.promises import TURN, described, distance
from replearn.analysis.similarity.representation import Array
from replearn.errors import InputError

_MOST_STEPS = 500
_FIRST_STEPS = 20
_TOLERANCE = 1e-9  # least share of the squared norms of both that a step must gain


@dataclass(frozen=True)
class Gaussians:
    """Means (N, D) and square roots (N, D, D) of the covariances of N normal distributions."""

    means: Array
    roots: Array

    def energy(self, alpha: float) -> float:
        """Return the squared norm, with weight `alpha` of means and 2 - `alpha` of covariances."""
        return float(alpha * np.sum(self.means**2) + (2.0 - alpha) * np.sum(self.roots**2))

    def padded(self, d: int) -> "Gaussians":
        """Return them with zeros for the features from D to `d`."""
        more = (0, d - self.means.shape[1])
        return Gaussians(
            np.pad(self.means, ((0, 0), more)), np.pad(self.roots, ((0, 0), more, more))
        )


def gaussians(posteriors: Parts) -> Gaussians:
    """Return the posteriors with mean and logvar (N, D) as normal distributions."""
    deviations = np.exp(posteriors["logvar"] / 2.0)
    return Gaussians(posteriors["mean"], deviations[:, :, None] * np.eye(deviations.shape[1]))


def descend(
    x: Gaussians, y: Gaussians, alpha: float, start: Array, steps: int
) -> tuple[float, Array]:
    """Return the squared distance that alternating Procrustes reaches, and its rotation (D, D).

    For a rotation Q of y, the best rotations U of its roots, one for each input, come from N polar
    decompositions; for these the best Q from one. No step goes up.

    Args:
        x, y: of the same N and D.
        alpha: weight of the means; 2 - alpha is that of the covariances.
        start: the first Q (D, D).
        steps: at most so many; fewer if one gains less than 1e-9 of both squared norms.
    """
    n = len(x.means)
    own = sum(alpha * np.sum(one.means**2) + (2.0 - alpha) * np.sum(one.roots**2) for one in (x, y))
    means = alpha * x.means.T @ y.means
    rotation, loss = start, math.inf
    for _ in range(steps):
        before, product = loss, means
        if alpha < 2.0:
            turned = _polar(x.roots @ rotation @ y.roots)[0]
            roots = (x.roots @ turned @ y.roots).sum(axis=0)
            product = means + (2.0 - alpha) * roots
        rotation, overlap = _polar(product)
        loss = float(own - 2.0 * overlap) / n
        if before - loss <= _TOLERANCE * own / n:
            break
    return max(loss, 0.0), rotation


def stochastic_shape(rows: list[Gaussians], columns: list[Gaussians], alpha: float = 1.0) -> Array:
    """Distance of the posteriors of each input after the best rotation of all, mean not centred.

    sqrt of the mean over inputs of α |m - Q m'|² + (2 - α) B²(Σ, Q Σ' Q'), with the Bures distance
    B, minimised over rotations Q; α = 1 is the Wasserstein distance, α = 2 compares means alone,
    α = 0 covariances alone. Where one has fewer latents, zeros are added. The minimum is searched
    from three starts: the best rotation of the means, of the standard deviations, and of both; as
    in the published code it may be a local one, and then the triangle inequality may fail.

    Source: Duong et al. (2023), arXiv:2211.11665, equations 6 and 8.
    """
    if not 0.0 <= alpha <= 2.0:
        raise InputError(f"alpha must be between 0 and 2, got {alpha}.")

    def value(x: Gaussians, y: Gaussians) -> float:
        d = max(x.means.shape[1], y.means.shape[1])
        # Both orders are the same steps, mirrored; taken in one order they round alike as well.
        x, y = sorted((x.padded(d), y.padded(d)), key=lambda one: one.energy(alpha))
        means = x.means.T @ y.means
        spreads = np.einsum("nii,njj->ij", x.roots, y.roots)
        starts = (means, spreads, alpha * means + (2.0 - alpha) * spreads)
        found = [descend(x, y, alpha, _rotation(start), _FIRST_STEPS) for start in starts]
        _, best = min(found, key=lambda one: one[0])
        return math.sqrt(descend(x, y, alpha, best, _MOST_STEPS)[0])

    return each_pair(rows, columns, value)


def _rotation(products: Array) -> Array:
    """Return the best rotation (D, D); the identity where nothing speaks for another."""
    small = 1e-9 * np.linalg.norm(products)
    return _polar(products + small * np.eye(len(products)))[0]


def _polar(products: Array) -> tuple[Array, Array]:
    """Return the rotations (…, D, D) nearest to matrices, and the nuclear norms (…)."""
    u, s, v = np.linalg.svd(products)
    return u @ v, s.sum(axis=-1)


MEASURES = (
    distance(
        name="stochastic_shape",
        matrix=stochastic_shape,
        range=(0.0, math.inf),
        is_metric=False,
        invariant_to=TURN,
        source="Duong et al. (2023), arXiv:2211.11665",
        input_kind=POSTERIORS,
        **described(gaussians),
    ),
)
