"""At which steps weights are kept: a grid that depends on the step alone."""

import re
from collections.abc import Iterable

WEIGHTS = re.compile(r"step-(\d{8})\.safetensors")


def weights_name(step: int) -> str:
    """Return the artifact's name of the weights after `step` steps; names sort by step."""
    return f"step-{step:08d}.safetensors"


def weights_steps(names: Iterable[str]) -> list[int]:
    """Return the sorted steps of the weights among artifact names."""
    return sorted(int(found[1]) for name in names if (found := WEIGHTS.fullmatch(name)))


def is_grid_step(step: int) -> bool:
    """Tell whether `step` is 0, or 1, 2 or 5 times a power of ten."""
    digits = str(step).rstrip("0")
    return step == 0 or digits in ("1", "2", "5")
