"""Configure a run that retrains one half of a finished run's auto-encoder."""

from collections.abc import Mapping, Sequence
from typing import Any

from sacred import Experiment

from replearn.errors import InputError
from replearn.runs.config import leaves

# What an experiment's examples are, by the name in TASKS.
TASK_OF = {"unsupervised": "reconstruction", "composition": "composition"}
# Sections and keys that a finetuned run has from its source.
TAKEN = ("dataset", "model", "training.loss", "task", "command", "reconstruct")
OPTIONS = ("command", "reconstruct")


def source_config(
    experiment: Experiment,
    base: Mapping[str, Any],
    updates: Mapping[str, Any],
    presets: Sequence[str],
) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """Return what a run with `source=ID` has from that run: data, model, objective, settings.

    Of the `training` section all but the loss is a default, which presets and updates replace.

    Args:
        base: the configuration without presets and updates.
        updates: of the configuration.
        presets: names of named configs.

    Returns:
        The sections to use in place of the ingredients' defaults, and the updates with the keys of
        the experiment itself.

    Raises:
        InputError: if there is no such finished run of an auto-encoder, or something else is asked
            of what comes from it.
    """
    from replearn.runs.query import load_run

    source = updates.get("source")
    if not isinstance(source, int) or isinstance(source, bool):
        raise InputError(
            f"source must be the id of a finished run to finetune, got {source!r}; see 'python -m "
            f"runs list'"
        )
    run = load_run(source)
    names = {**TASK_OF, experiment.path: None}
    if run.experiment not in names or run.status != "COMPLETED":
        raise InputError(
            f"run {source} is one of {run.experiment} with the status {run.status}; expected a "
            f"finished run of {', '.join(names)}"
        )
    known = {**base, **run.config}
    sections = {
        name: {**base[name], **run.config[name]} for name in ("dataset", "model", "training")
    }
    asked = [path for path, _ in leaves(updates)]
    for preset, content in _contents(experiment, presets).items():
        paths = [path for path, _ in leaves(content, keep_nodes=True)]
        asked += [preset if path.startswith(TAKEN) else path for path in paths]
    for path in asked:
        if path.startswith(TAKEN) or path in presets:
            raise InputError(
                f"source={source} takes data, model and objective from run {source}, so {path!r} "
                f"cannot be set"
            )
    for spec in ("optimizer", "scheduler"):
        if f"training.{spec}.name" in asked:  # another has parameters of its own
            sections["training"][spec] = {**sections["training"][spec], "params": {}}
    task = TASK_OF.get(run.experiment, known.get("task"))
    own = {key: known.get(key) for key in OPTIONS} | {"task": task}
    return sections, {**updates, **own}


def _contents(experiment: Experiment, presets: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return what named configs set, with full paths."""
    found = {}
    for part, _ in experiment.traverse_ingredients():
        for name, preset in part.named_configs.items():
            full = name if part is experiment else f"{part.path}.{name}"
            if full in presets:
                found[full] = preset() if part is experiment else {part.path: dict(preset())}
    return found
