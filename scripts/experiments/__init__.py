"""Experiments that train something; each is a command."""

import replearn.runs  # noqa: F401 - before Sacred is imported: it silences a warning
