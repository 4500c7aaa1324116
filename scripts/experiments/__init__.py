"""Experiments that train something; each is a command."""

import replearn.runs.lean_sacred  # noqa: F401 - before Sacred: no warning, no pandas
