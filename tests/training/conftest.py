"""The golden inputs of losses, as a VAE's output."""

from pathlib import Path

import numpy as np
import pytest
import torch

from replearn.models import VAEOutput

GOLDEN = Path(__file__).parents[1] / "golden" / "vae_similarity.npz"


@pytest.fixture(scope="session")
def golden() -> dict:
    """The arrays `loss__*` by name: float64 tensors, and NumPy arrays of names and float32."""
    with np.load(GOLDEN) as arrays:
        loaded = {k: arrays[k] for k in arrays.files if k.startswith("loss__")}
    return {k: torch.from_numpy(v) if v.dtype == np.float64 else v for k, v in loaded.items()}


@pytest.fixture
def output(golden) -> VAEOutput:
    """The golden logits (8, 3, 16, 16 in another layout) and latents (8, 10)."""
    names = {"logits": "recon_logits", "z": "z", "mean": "mean", "logvar": "logvar"}
    return VAEOutput(**{k: golden[f"loss__in__{v}"] for k, v in names.items()})


@pytest.fixture
def images(golden):
    return golden["loss__in__x"]
