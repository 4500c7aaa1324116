"""Hand runs to incense, the notebook library for Sacred databases."""

import warnings
from collections.abc import Sequence
from typing import Any

import gridfs
from pymongo.database import Database

from replearn.errors import InputError
from replearn.runs.run import Run


def query_set(database: Database, runs: Sequence[Run]) -> Any:
    """Return incense's QuerySet of the same runs, in the same order.

    Nothing is unpickled: incense's default would execute what a document says (`py/reduce`).

    Raises:
        InputError: if incense is not installed, or a run is one that it cannot read.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # those of its own imports
            from incense import ExperimentLoader  # pyright: ignore[reportMissingImports]
            from incense.query_set import QuerySet  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise InputError(
            "incense is not installed; `pip install 'replearn[notebook]'` brings it"
        ) from None

    class Loader(ExperimentLoader):
        """incense's loader on a connection that is already open, whatever its credentials."""

        def __init__(self):
            self._database = database
            self._runs = database.runs
            self._grid_filesystem = gridfs.GridFS(database)
            self._unpickle = False

    unreadable = [str(run.id) for run in runs if run.status == "QUEUED"]
    if unreadable:
        raise InputError(f"incense cannot read runs that are QUEUED: {', '.join(unreadable)}")
    found = {e.id: e for e in Loader().find({"_id": {"$in": [run.id for run in runs]}})}
    return QuerySet([found[run.id] for run in runs])
