"""Compare layers in this process or on a cluster, as an analysis is told."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from replearn.analysis.activations import LATENTS, POOLINGS
from replearn.analysis.similarity import MEASURES, SimilarityResult, choose_all, progress_bars
from replearn.analysis.similarity.arithmetic import PRECISIONS
from replearn.analysis.similarity.pace import Outlook
from replearn.errors import InputError, nearest
from replearn.registry import lookup
from replearn.runs.rebuild import choose_device
from replearn.runs.run import Run
from replearn.study.comparison import check_pooling, compare_layers, listed, named_steps
from replearn.study.probes import Probe
from replearn.study.representations import Source
from replearn.study.spread import compare_layers_on
from replearn.sweep.blocks import Progress, open_blocks
from replearn.sweep.table import duration_text

BASELINES = ("untrained", "shuffled")
"""What similarity is shown beside: the networks of step 0, and networks that see other images."""


def check_comparison(config: Mapping[str, Any]) -> None:
    """Raise an InputError if a comparison cannot be made as an analysis is told."""
    lookup(POOLINGS, config["pooling"], "pooling")
    for key, known in (("latent", LATENTS), ("precision", PRECISIONS)):
        if config[key] not in known:
            raise InputError(f"unknown {key} {config[key]!r}; {nearest(str(config[key]), known)}")
    baselines_of(config)
    choose_all(listed(config["measures"], "measures"), MEASURES)
    listed(config["layers"], "layers")
    if config["steps"] is not None:
        named_steps(config["steps"])
    check_pooling(config["pooling"], config["standard_errors"])


def baselines_of(config: Mapping[str, Any], runs: Sequence[Run] | None = None) -> list[str]:
    """Return those of BASELINES that `baseline` names; True is untrained, and False is none.

    Args:
        config: of an analysis.
        runs: what is compared, if they are known.

    Raises:
        InputError: if there is no such baseline, or shuffled images are asked for of one run.
    """
    asked = config["baseline"]
    if asked in (False, None, [], ()):
        return []
    named = ["untrained"] if asked is True else listed(asked, "baseline")
    for name in named:
        if name not in BASELINES:
            raise InputError(f"unknown baseline {name!r}; {nearest(str(name), BASELINES)}")
    if "shuffled" in named and runs is not None and len(runs) == 1:
        raise InputError(
            "baseline=shuffled compares runs that see the images in different orders, but one run "
            "matches; name more runs, or leave it out"
        )
    return named


def compare_as_told(
    config: Mapping[str, Any], sources: Sequence[Source], layers: Sequence[str], probe: Probe
) -> SimilarityResult:
    """Return the similarity of all pairs of (network, layer), and print how long that takes.

    Args:
        config: of an analysis: cluster, cluster_options, measures, standard_errors, precision,
            device, pooling, latent, progress.
        sources, layers, probe: as in `compare_layers`.

    Raises:
        InputError: as `compare_layers_by`.
    """
    progress, told = progress_bars() if config["progress"] else None, Clock(config["cluster"])
    options = comparison_options(config) | {"announce": told.announce}
    found = compare_layers_by(
        config["cluster"], config["cluster_options"], sources, layers, probe, config["measures"],
        progress, **options,
    )  # fmt: skip
    told.end()
    return found


def compare_shuffled(
    config: Mapping[str, Any], sources: Sequence[Source], layers: Sequence[str], probe: Probe
) -> SimilarityResult:
    """Return it with the images in another order for each run, computed by this process alone.

    Raises:
        InputError: as `compare_layers`.
    """
    print("with the images in another order for each run:")
    progress, told = progress_bars() if config["progress"] else None, Clock()
    options = comparison_options(config) | {"announce": told.announce, "shuffled": True}
    found = compare_layers(sources, layers, probe, config["measures"], progress, **options)
    told.end()
    return found


def comparison_options(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keywords of `compare_layers` that the config of an analysis gives."""
    options = {key: config[key] for key in ("standard_errors", "precision", "pooling", "latent")}
    return options | {"device": choose_device(config["device"]).type}


class Clock:
    """Prints what a comparison is about to do, and how long it took.

    Args:
        cluster: who computes.
        parts: of several, the first that is not known is announced, with the time of all that are
            left; at the end what was known of all is printed.
        what: a word for the parts.
    """

    def __init__(self, cluster: str | None = None, parts: int = 1, what: str = "networks"):
        self._of_one = "" if cluster is None else " of one process"
        self._start, self._parts, self._what = time.perf_counter(), parts, what
        self._outlooks: list[Outlook] = []

    def announce(self, outlook: Outlook) -> None:
        """Print what is about to be done."""
        left = max(1, self._parts - len(self._outlooks))
        first = not any(one.missing for one in self._outlooks)
        self._outlooks.append(outlook)
        time_of = f"estimated time: {duration_text(outlook.seconds * left)}{self._of_one}"
        if self._parts == 1:
            print(f"{outlook}; {time_of}" if outlook.missing else outlook, flush=True)
        elif outlook.missing and first:
            print(f"{left:,} {self._what}, the first: {outlook}; {time_of}", flush=True)

    def end(self) -> None:
        """Print how long it took."""
        took = f"compared in {duration_text(time.perf_counter() - self._start)}"
        if self._parts > 1:
            pairs, new = (sum(getattr(x, k) for x in self._outlooks) for k in ("pairs", "missing"))
            took = f"{pairs:,} pairs: {pairs - new:,} known, {new:,} computed; {took}"
        print(took, flush=True)


def compare_layers_by(
    cluster: str | None,
    cluster_options: Mapping[str, Any],
    sources: Sequence[Source],
    layers: Sequence[str],
    probe: Probe,
    measures: str | Sequence[str],
    progress: Progress | None = None,
    **options: Any,
) -> SimilarityResult:
    """Return the similarity of all pairs of (network, layer); the same whoever computes (1e-12).

    Args:
        cluster: None for this process; `inline`, `local`, a queue or an address for blocks.
        cluster_options: how large it is, such as `{workers: 4}`.
        sources, layers, probe, measures, options: as in `compare_layers`.
        progress: called with (stage, done, total).

    Raises:
        InputError: as `compare_layers`, or if the cluster cannot be used.
    """
    if cluster is None:
        return compare_layers(sources, layers, probe, measures, progress, **options)
    with open_blocks(cluster, cluster_options, progress) as spread:
        return compare_layers_on(spread, sources, layers, probe, measures, **options)
