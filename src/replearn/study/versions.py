"""The versions that a run's numbers depend on."""

import platform
from importlib.metadata import version

import numpy as np
import safetensors
import torch


def versions() -> dict[str, str]:
    """Return name -> version of Python and of the packages that compute."""
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "ignite": version("pytorch-ignite"),  # importing it would take analyses a second
        "numpy": np.__version__,
        "safetensors": safetensors.__version__,
    }
