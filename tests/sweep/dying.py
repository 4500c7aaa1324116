"""A block that kills the worker that computes it first, for tests."""

import os
import signal
from pathlib import Path


def square(n: int, folder: str, dies: bool) -> int:
    """Return n²; the first call for this n kills its process if it `dies`."""
    there = Path(folder, str(n))
    if dies and not there.exists():
        there.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return n * n
