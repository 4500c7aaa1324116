"""Where the suite keeps its files: data/, sims/ and results/ of the checkout."""

import os
from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parents[2]


def root() -> Path:
    """Return the checkout that replearn runs from, or $REPLEARN_HOME, or the working folder."""
    if home := os.environ.get("REPLEARN_HOME"):
        return Path(home).expanduser().resolve()
    return _CHECKOUT if (_CHECKOUT / "pyproject.toml").exists() else Path.cwd()


def data_folder() -> Path:
    """Return the folder of data files: $REPLEARN_DATA, or data/."""
    return Path(os.environ.get("REPLEARN_DATA") or root() / "data").expanduser().resolve()


def sims_folder() -> Path:
    """Return the folder of the private database, of the spool and of work in progress: sims/."""
    return root() / "sims"


def results_folder() -> Path:
    """Return the folder of figures, tables and caches: results/."""
    return root() / "results"
