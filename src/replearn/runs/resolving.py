"""Resolve many command lines of one experiment in this process: tens of points a second.

The configuration is that of `run_commandline`. What a plan has no use for is left out: reading
options, and the hardware, for which Sacred starts two processes a run.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sacred import SETTINGS, Experiment
from sacred.arg_parser import get_config_updates

from replearn.runs.commandline import make_run
from replearn.runs.config import canonical, parse_lists
from replearn.runs.sources import collect_sources


def parse_words(words: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """Return the config updates and the presets of the words after `with`."""
    updates, presets = get_config_updates(list(words))
    return parse_lists(updates), presets


def resolve_words(experiment: Experiment, words: Sequence[str]) -> dict[str, Any]:
    """Return the configuration of a command line, every key and value checked.

    Raises:
        InputError: if a preset or a key is unknown, or a value does not fit.
    """
    updates, presets = parse_words(words)
    with _without_hardware():
        return dict(make_run(experiment, None, updates, presets).config)


def code_hash(experiment: Experiment) -> str:
    """Return the `identity.code` of runs that start now."""
    collect_sources(experiment)
    sources = experiment.get_experiment_info()["sources"]
    return hashlib.sha256(canonical(sources).encode()).hexdigest()


@contextmanager
def _without_hardware() -> Iterator[None]:
    asked = SETTINGS.HOST_INFO  # type: ignore[attr-defined]
    before = asked.INCLUDE_CPU_INFO, asked.INCLUDE_GPU_INFO
    asked.INCLUDE_CPU_INFO = asked.INCLUDE_GPU_INFO = False
    try:
        yield
    finally:
        asked.INCLUDE_CPU_INFO, asked.INCLUDE_GPU_INFO = before
