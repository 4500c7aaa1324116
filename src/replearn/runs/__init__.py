"""The database of runs: server, observer, command line, queries."""

import warnings
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from replearn.runs.database import open_database
    from replearn.runs.query import Runs, find_runs
    from replearn.runs.run import Run

__all__ = ["Run", "Runs", "find_runs", "open_database"]

# Sacred 0.8.7 needs it, and nobody who reads the message can do anything about it.
warnings.filterwarnings("ignore", message="pkg_resources is deprecated")

_HOMES = {"Run": "run", "Runs": "query", "find_runs": "query", "open_database": "database"}


def __getattr__(name: str) -> Any:
    # On demand: an experiment that only writes a run need not wait for the code that reads.
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
