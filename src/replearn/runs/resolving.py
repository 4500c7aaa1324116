"""Resolve many command lines of one experiment in this process: hundreds of points a second.

The configuration is that of `run_commandline`. What a plan has no use for is left out: reading
options, the installed packages, and the hardware, for which Sacred starts two processes a run.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sacred import SETTINGS, Experiment
from sacred.arg_parser import get_config_updates

from replearn.runs.commandline import base_config, make_run
from replearn.runs.config import SEEDS, canonical, check_updates, parse_lists, whole_numbers
from replearn.runs.sources import collect_sources


class Resolver:
    """Resolves command lines of one experiment; what they have in common is made once.

    Seeds are numbers that nothing else in a configuration follows from: command lines that differ
    in them alone are resolved once, and their configurations share all sections.
    """

    def __init__(self, experiment: Experiment):
        self.experiment = experiment
        self._resolved: dict[str, dict[str, Any]] = {}
        with _bare(experiment):
            self._base = base_config(experiment)

    def resolve(self, words: Sequence[str]) -> dict[str, Any]:
        """Return the configuration of the words after `with`, every key and value checked.

        Raises:
            InputError: if a preset or a key is unknown, or a value does not fit.
        """
        updates, presets = parse_words(words)
        updates = whole_numbers(updates)
        check_updates(self._base, updates)
        seeds = {
            key: updates.pop(key) for key in SEEDS & updates.keys() if type(updates[key]) is int
        }
        key = canonical([updates, presets, sorted(seeds)])
        if key not in self._resolved:
            with _bare(self.experiment):
                run = make_run(self.experiment, None, updates | seeds, presets, base=self._base)
            self._resolved[key] = dict(run.config)
        return self._resolved[key] | seeds


def resolve_words(experiment: Experiment, words: Sequence[str]) -> dict[str, Any]:
    """Return the configuration of one command line; see `Resolver.resolve`."""
    return Resolver(experiment).resolve(words)


def parse_words(words: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """Return the config updates and the presets of the words after `with`."""
    updates, presets = get_config_updates(list(words))
    return parse_lists(updates), presets


def code_hash(experiment: Experiment) -> str:
    """Return the `identity.code` of runs that start now."""
    collect_sources(experiment)
    sources = experiment.get_experiment_info()["sources"]
    return hashlib.sha256(canonical(sources).encode()).hexdigest()


@contextmanager
def _bare(experiment: Experiment) -> Iterator[None]:
    """Let runs of an experiment know nothing of the machine and of installed packages."""
    asked = SETTINGS.HOST_INFO  # type: ignore[attr-defined]
    before = asked.INCLUDE_CPU_INFO, asked.INCLUDE_GPU_INFO
    packages = {part: part.dependencies for part, _ in experiment.traverse_ingredients()}
    asked.INCLUDE_CPU_INFO = asked.INCLUDE_GPU_INFO = False
    for part in packages:
        part.dependencies = set()
    try:
        yield
    finally:
        asked.INCLUDE_CPU_INFO, asked.INCLUDE_GPU_INFO = before
        for part, found in packages.items():
            part.dependencies = found
