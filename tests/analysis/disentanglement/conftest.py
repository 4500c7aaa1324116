"""The codes of disentanglement_lib's numbers, as arrays and as functions of the factors."""

from pathlib import Path

import numpy as np
import pytest

GOLDEN = Path(__file__).parents[2] / "golden" / "disentanglement.npz"


@pytest.fixture(scope="session")
def golden():
    with np.load(GOLDEN) as file:
        return dict(file)


@pytest.fixture(scope="session")
def encoders(golden):
    """Codes (B, 10) of factors (B, 5): five latents, all latents of all factors, and of none."""
    sizes = golden["factor_sizes"]

    def table(factors):
        index = np.ravel_multi_index(tuple(factors.astype(np.int64).T), sizes)
        return golden["noise_table"][((index * 2654435761) % 2**32) >> 20]

    def standard(factors):
        return (factors - (sizes - 1) / 2) / np.sqrt((sizes**2 - 1) / 12)

    def perfect(factors):
        codes = 0.01 * table(factors)
        codes[:, golden["perm"]] = standard(factors) * golden["sign"]
        return codes

    def mixture(factors):
        return standard(factors) @ golden["mixing"] + 0.1 * table(factors)

    return {"perfect": perfect, "mixture": mixture, "noise": table}
