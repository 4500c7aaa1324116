"""Hidalgo: clouds of different intrinsic dimension in one representation, and which input is where.

The ratio of the distances to an input's two nearest neighbours follows a Pareto law whose exponent
is the dimension of the cloud that it lies in; near inputs tend to lie in the same cloud.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import gammaln

from replearn.analysis.dimension import neighbourhoods
from replearn.analysis.similarity.representation import Array
from replearn.errors import InputError

Indices = NDArray[np.int64]

# An input belongs to a cloud if it is there in at least this share of the samples.
SURE = 0.8


@dataclass(frozen=True)
class Clouds:
    """K clouds of a representation, those of lower dimension first.

    Attributes:
        dimensions: (K,) posterior means.
        errors: (K,) posterior standard deviations.
        shares: (K,) of the inputs, posterior means.
        probabilities: (N, K) of each distinct input to be in each cloud.
        rows: (N,) which of the given inputs the distinct ones are.
        samples: number of samples that these are means of.
    """

    dimensions: Array
    errors: Array
    shares: Array
    probabilities: Array
    rows: Indices
    samples: int

    @property
    def classes(self) -> Indices:
        """Return (N,) the cloud of each distinct input, -1 where none has probability 0.8."""
        best = self.probabilities.argmax(axis=1)
        return np.where(self.probabilities.max(axis=1) >= SURE, best, -1)


@dataclass(frozen=True)
class State:
    """One step of R chains: (R, K) dimensions and shares, (R, N) classes, (R,) log-posteriors."""

    dimensions: Array
    shares: Array
    classes: Indices
    log_posterior: Array


def hidalgo(
    x: Any,
    clouds: int = 2,
    neighbours: int = 3,
    coupling: float = 0.8,
    iterations: int = 1000,
    burn_in: float = 0.5,
    every: int = 10,
    replicas: int = 4,
    seed: int = 0,
) -> Clouds:
    """Return clouds of different intrinsic dimension, by Gibbs sampling.

    Of several chains the one with the highest mean log-posterior counts. Published are 10,000
    iterations of 10 replicas, of which the last tenth counts. Inputs that are there several times
    count once.

    Args:
        x: a representation (N, D).
        clouds: number K of them.
        neighbours: how many of the nearest inputs tend to be in the cloud of an input.
        coupling: probability that they are, above 0.5 and below 1.
        iterations: of each chain.
        burn_in: share of them that is left out.
        every: how many iterations lie between two samples.
        replicas: number of chains.
        seed: of all draws.

    Raises:
        InputError: as `neighbourhoods`, or if a parameter is out of its range.

    Source:
        Allegra, Facco, Denti, Laio & Mira (2020), Data segmentation based on the local intrinsic
        dimension, Scientific Reports 10, equations 5-10.
    """
    if min(clouds, neighbours, iterations, every, replicas) < 1:
        raise InputError("clouds, neighbours, iterations, every and replicas must be 1 or more.")
    if not (0.5 < coupling < 1 and 0 <= burn_in < 1):
        raise InputError(
            f"expected coupling above 0.5 and below 1 and burn_in from 0 to below 1, got "
            f"{coupling} and {burn_in}."
        )
    near = neighbourhoods(x, max(2, neighbours))
    ratios = np.log(near.distances[:, 1] / near.distances[:, 0])
    rng = np.random.default_rng(seed)
    steps = chains(ratios, near.nearest[:, :neighbours], clouds, coupling, replicas, rng)
    first = int(burn_in * iterations)
    kept = [
        state
        for i, state in zip(range(iterations), steps, strict=False)
        if i >= first and (i - first) % every == 0
    ]
    best = int(np.mean([state.log_posterior for state in kept], axis=0).argmax())
    dimensions = np.stack([state.dimensions[best] for state in kept])
    classes = np.stack([state.classes[best] for state in kept])
    order = dimensions.mean(axis=0).argsort()
    return Clouds(
        dimensions=dimensions.mean(axis=0)[order],
        errors=dimensions.std(axis=0)[order],
        shares=np.mean([state.shares[best] for state in kept], axis=0)[order],
        probabilities=np.stack([(classes == k).mean(axis=0) for k in order], axis=1),
        rows=near.rows,
        samples=len(kept),
    )


def chains(
    ratios: Array, nearest: Indices, clouds: int, coupling: float, replicas: int,
    rng: np.random.Generator,
) -> Iterator[State]:  # fmt: skip
    """Yield the states of R chains whose stationary law is the posterior, for ever.

    Priors: Gamma(1, 1) of each dimension, Dirichlet(1, ..., 1) of the shares. Inputs that are no
    neighbours of each other are drawn at once. They depend on each other through the normalisation
    of the neighbour term alone, a function of the sizes of clouds: its slope stands in the
    proposal, and what remains is accepted or refused (Metropolis-Hastings) chain by chain, hardly
    ever refused.

    Args:
        ratios: (N,) log of the ratios of distances, none negative.
        nearest: (N, q) neighbours.
        clouds, coupling, replicas: K, zeta and R.
        rng: of all draws.
    """
    n, q = nearest.shape
    links = csr_array((np.ones(n * q), nearest.ravel(), np.arange(0, n * q + 1, q)), shape=(n, n))
    around = (links + links.T).tocsr()
    blocks = [(block, around[block]) for block in _independent(around)]
    energy = _normalisation(n, q, coupling)
    slope = np.gradient(energy)
    gain = np.log(coupling / (1 - coupling))
    classes = rng.integers(clouds, size=(replicas, n))
    member = (classes[:, :, None] == np.arange(clouds)).astype(float)  # (R, N, K)
    while True:
        sizes = member.sum(axis=1)
        totals = np.einsum("rnk,n->rk", member, ratios)
        dimensions = rng.gamma(1.0 + sizes, 1.0 / (1.0 + totals))
        shares = rng.gamma(1.0 + sizes)
        shares /= shares.sum(axis=1, keepdims=True)
        log_rate = np.log(shares) + np.log(dimensions)
        for block, links_of_block in blocks:
            own = member[:, block]
            inside = own.sum(axis=1)
            outside = sizes - inside
            # Both are functions of the inputs outside of the block alone.
            expected = np.rint(outside * n / max(n - len(block), 1)).astype(int)
            push = slope[np.clip(expected, 0, n)]
            counts = links_of_block @ member.transpose(1, 0, 2).reshape(n, -1)
            weights = gain * counts.reshape(len(block), replicas, clouds).transpose(1, 0, 2)
            weights += (log_rate + push)[:, None]
            weights -= (dimensions[:, None] + 1.0) * ratios[block][None, :, None]
            drawn = (weights + rng.gumbel(size=weights.shape)).argmax(axis=2)
            proposed = (drawn[:, :, None] == np.arange(clouds)).astype(float)
            now = proposed.sum(axis=1)
            change = energy[(outside + now).astype(int)] - energy[(outside + inside).astype(int)]
            log_odds = (change - push * (now - inside)).sum(axis=1)
            accepted = np.log(rng.random(replicas)) < log_odds
            member[:, block] = np.where(accepted[:, None, None], proposed, own)
            sizes = np.where(accepted[:, None], outside + now, sizes)
        pairs = np.einsum("rnk,rnk->r", member, member[:, nearest].sum(axis=2))
        likelihood = np.einsum(
            "rnk,rnk->r",
            member, log_rate[:, None] - (dimensions[:, None] + 1.0) * ratios[None, :, None],
        )  # fmt: skip
        posterior = likelihood + gain * pairs + energy[sizes.astype(int)].sum(axis=1)
        yield State(dimensions, shares, member.argmax(axis=2), posterior)


def _normalisation(n: int, q: int, coupling: float) -> Array:
    """Return (n + 1,): -m log Z(m) of a cloud of m inputs.

    Z(m) = sum_j C(m - 1, j) C(n - m, q - j) coupling^j (1 - coupling)^(q - j), over the number j of
    neighbours inside.
    """
    m = np.arange(1, n + 1)[:, None]
    j = np.arange(q + 1)
    terms = _log_choose(m - 1, j) + _log_choose(n - m, q - j)
    terms = terms + j * np.log(coupling) + (q - j) * np.log(1 - coupling)
    return np.r_[0.0, -m[:, 0] * np.logaddexp.reduce(terms, axis=1)]


def _log_choose(n: Indices, j: Indices) -> Array:
    n, j = np.broadcast_arrays(n, j)
    possible = j <= n
    rest = np.where(possible, n - j, 0)
    return np.where(possible, gammaln(n + 1) - gammaln(j + 1) - gammaln(rest + 1), -np.inf)


def _independent(around: csr_array) -> list[Indices]:
    """Return the inputs in blocks without a link inside, each into the first that has room."""
    n = len(around.indptr) - 1
    colour = np.full(n, -1)
    for i in range(n):
        taken = set(colour[around.indices[around.indptr[i] : around.indptr[i + 1]]])
        colour[i] = next(c for c in range(n) if c not in taken)
    return [np.flatnonzero(colour == c) for c in range(colour.max() + 1)]
