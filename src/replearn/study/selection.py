"""Which of the runs that a query finds a study is about."""

from collections.abc import Mapping, Sequence
from typing import Any

from replearn.errors import InputError
from replearn.runs.query import find_runs
from replearn.runs.run import Run

# Names of models with latents and a decoder: those that analysis.model looks at.
AUTO_ENCODERS = ("vae", "cascade_vae", "lie_group_vae")


def is_auto_encoder(run: Run) -> bool:
    """Return whether a run trained a model with latents and a decoder."""
    return run.config.get("model", {}).get("name") in AUTO_ENCODERS


def find_trained(where: Mapping[str, Any]) -> list[Run]:
    """Return the finished runs that match and have kept weights of a model, oldest first.

    Others that match, such as analyses with the same tag, are left out, which is printed.

    Raises:
        InputError: if no run matches, or none has kept weights.
    """
    found = find_runs(where).require()
    kept = [run for run in found if run.checkpoints]
    others = [run for run in found if not run.checkpoints]
    names = ", ".join(sorted({run.experiment for run in others}))
    if not kept:
        raise InputError(
            f"the {len(found)} runs that match ({names}) have kept no weights of a model; add "
            f"where.experiment=unsupervised, or another experiment that trains one"
        )
    if others:
        ids = ", ".join(str(run.id) for run in others)
        print(f"left out: {ids} ({names}), which kept no weights of a model")
    return kept


def without_repetitions(runs: Sequence[Run]) -> list[Run]:
    """Return the newest of the runs of one config, seeds included, on the same images.

    A run that was made twice is one seed, not two; what is left out is printed.
    """
    newest = {
        (run.identity.get("config_hash", run.id), run.identity.get("data")): run for run in runs
    }
    kept = list(newest.values())
    if left := [run.id for run in runs if run not in kept]:
        print(f"left out: {', '.join(map(str, left))}, made again later with the same config")
    return sorted(kept, key=lambda run: run.id)
