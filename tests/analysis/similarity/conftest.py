"""Fixtures of the similarity tests: representations, drawn and published."""

from pathlib import Path

import numpy as np
import pytest

PAIRS = ("P1_generic", "P2_rot_scale_shift", "P3_wide", "P5_rows_permuted")


@pytest.fixture(scope="session")
def sample():
    """A function: `n` inputs of `d` normal numbers, always the same."""
    return lambda n, d, seed=0: np.random.default_rng(seed).standard_normal((n, d))


@pytest.fixture(scope="session")
def golden():
    """The arrays of the published similarity values."""
    with np.load(Path(__file__).parents[2] / "golden" / "similarity.npz") as arrays:
        return dict(arrays)


@pytest.fixture(params=range(len(PAIRS)), ids=PAIRS)
def published(golden, request):
    """Two representations, and a function from a measure to its canonical value and tolerance."""
    pair = PAIRS[request.param]

    def canonical(row):
        at = list(golden["canonical/measures"]).index(row)
        return golden["canonical/values"][at][request.param], golden["canonical/rtol"][at]

    return golden[f"{pair}/X"], golden[f"{pair}/Y"], canonical


@pytest.fixture
def mixed(sample):
    """Narrow, wide, rank-deficient and nearly constant representations of the same inputs."""
    n = 60
    base = sample(n, 6)
    rng = np.random.default_rng(3)
    out = {"base": base, "relu": np.maximum(base @ rng.standard_normal((6, 40)), 0)}
    out["wide"] = np.tanh(base @ rng.standard_normal((6, 300)))
    out["wider"] = (base @ rng.standard_normal((6, 500))).astype(np.float32)
    out["repeated"] = np.repeat(base, 20, axis=1)
    out["square"] = base @ rng.standard_normal((6, n)) + 0.1 * rng.standard_normal((n, n))
    out["offset"] = base + 1000
    return out
