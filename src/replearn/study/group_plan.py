"""What an analysis of groups tests, as its config names it: groups, layers, measures, outputs."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from replearn.analysis.activations import POOLINGS
from replearn.analysis.pair_correlation import check_method
from replearn.analysis.similarity import MEASURES, choose_all
from replearn.errors import InputError, nearest
from replearn.registry import lookup
from replearn.runs.config import at_least_one
from replearn.runs.run import Run
from replearn.study.comparison import common_layers, common_probe, listed
from replearn.study.config_groups import find_groups, other_differences
from replearn.study.group_tests import OUTPUTS, GroupTests
from replearn.study.representations import networks


def check_plan(config: Mapping[str, Any]) -> None:
    """Raise an InputError if no groups can be tested so, whatever the runs are."""
    choose_measures(config["measures"])
    listed(config["layers"], "layers")
    _named_outputs(config["outputs"])
    lookup(POOLINGS, config["pooling"], "pooling")
    check_method(config["correlation"])
    at_least_one("permutations", config["permutations"])


def plan_tests(
    runs: Sequence[Run], config: Mapping[str, Any]
) -> tuple[GroupTests, list[str], list[dict[str, Any]]]:
    """Return the tests on groups of runs, the layers and the measures; print what they are.

    Args:
        config: of `analysis.groups`.

    Raises:
        InputError: if there are no groups, or something that is named does not exist.
    """
    groups = find_groups(runs, config["by"])
    options = {"pooling": config["pooling"], "latent": "mean"}
    layers = choose_layers(runs, config["layers"], options["latent"])
    measures = choose_measures(config["measures"])
    tests = GroupTests(
        groups, common_probe(runs, config["n_probe"]), choose_outputs(runs, config["outputs"]),
        config["correlation"], config["permutations"], config["seed"],
        options,
    )  # fmt: skip
    if other := other_differences(groups, config["by"]):
        print(f"warning: runs of one group also differ in {', '.join(other)}", file=sys.stderr)
    print(f"{len(runs)} runs in {len(groups)} groups: {', '.join(groups)}")
    print(f"{len(measures)} measures at {', '.join(layers)}, {len(tests.probe.indices)} images")
    return tests, layers, measures


def choose_layers(runs: Sequence[Run], asked: Any, latent: str = "mean") -> list[str]:
    """Return the layers to compare: `last`, the one below the outputs, or as `common_layers`.

    Of auto-encoders `last` is the mean of the latents.

    Raises:
        InputError: as `common_layers`; or if the last layers have different names.
    """
    if listed(asked, "layers") != ["last"]:
        return common_layers(runs, asked, latent)
    last = dict.fromkeys(
        model.layers()[-2] if model.kind == "predictor" else "mean"  # type: ignore[operator]
        for model in networks(runs).values()
    )
    if len(last) > 1:
        raise InputError(
            f"the last layers of the runs have different names ({', '.join(last)}); give "
            f"layers=NAME, one that all have"
        )
    return list(last)


def choose_outputs(runs: Sequence[Run], asked: Any) -> list[str]:
    """Return the measures of outputs to compare with: those named, or all if runs classify labels.

    Raises:
        InputError: if they are named, and a run does not classify labels, or one is unknown.
    """
    other = [run for run in runs if not _classifies(run)]
    named = _named_outputs(asked)
    if named is None:
        return [] if other else list(OUTPUTS)
    if named and other:
        raise InputError(
            f"run {other[0].id} ({other[0].experiment}) classifies no labels, so there are no "
            f"outputs to compare; leave outputs out"
        )
    return named


def choose_measures(asked: Any) -> list[dict[str, Any]]:
    """Return the measures to test, of activations.

    Raises:
        InputError: if one is unknown or compares something else.
    """
    chosen = choose_all(listed(asked, "measures"), MEASURES)
    for one in chosen:
        if one.measure.input_kind != "activations":
            raise InputError(
                f"{one.label} compares {one.measure.input_kind}, and groups are tested by "
                f"activations; leave it out of measures"
            )
    return [one.spec for one in chosen]


def _named_outputs(asked: Any) -> list[str] | None:
    if asked is None:
        return None
    named = list(asked) if asked in ([], ()) else listed(asked, "outputs")
    for name in named:
        if name not in OUTPUTS:
            raise InputError(f"unknown measure of outputs {name!r}; {nearest(str(name), OUTPUTS)}")
    return named


def _classifies(run: Run) -> bool:
    loss = (run.config.get("training") or {}).get("loss") or {}
    return run.config.get("target") == "labels" and loss.get("name") == "cross_entropy"
