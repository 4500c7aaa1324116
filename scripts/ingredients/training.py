"""The `training` ingredient: objective, optimiser, schedule, length, and what is logged when."""

import torch
from sacred import Ingredient
from torch.nn import Parameter

from configs.training import TRAINING_PRESETS
from replearn.errors import InputError
from replearn.runs.config import check_training, paths_named, resolve_params
from replearn.runs.rebuild import make_loss
from replearn.training.losses import LOSSES
from replearn.training.optimizers import OPTIMIZERS, make_optimizer
from replearn.training.schedules import SCHEDULES, make_schedule

DEFAULTS = {
    "optimizer": {"name": "adam", "params": {}},
    "scheduler": {"name": "constant", "params": {}},  # of the learning rate
    "batch_size": 64,
    "epochs": 66,  # passes over the training images, unless steps are given
    "steps": None,  # optimiser steps
    "precision": "fp32",  # or bf16: mixed precision
    "channels_last": True,
    "log_every": 20,  # steps that one point of train.* averages
    "validate_every": 500,  # steps
    "n_validation": 2048,  # held-out images that val.* averages
}


def training_ingredient(loss: str, **lengths: int) -> Ingredient:
    """Return a `training` ingredient whose default objective is `loss`.

    Args:
        lengths: other defaults than `DEFAULTS`, such as `epochs=1`.
    """
    training = Ingredient("training", save_git_info=False)
    kind = LOSSES[loss].judges
    training.add_config({**DEFAULTS, **lengths, "loss": {"name": loss, "params": {}}})
    for preset, values in TRAINING_PRESETS.items():
        training.add_named_config(preset, values)

    @training.config_hook
    def fill_in(config, command_name, logger):
        """Write the defaults of loss, optimiser and scheduler into the configuration."""
        section = config["training"]
        name = section["loss"]["name"]
        if name in LOSSES and LOSSES[name].judges != kind:
            others = ", ".join(key for key, each in LOSSES.items() if each.judges == kind)
            raise InputError(
                f"the loss {name!r} is for a model of kind {LOSSES[name].judges}; this experiment "
                f"trains one of kind {kind}; choose from {others}"
            )
        check_training(section)
        loss = resolve_params(section["loss"], LOSSES, "loss")
        optimizer = resolve_params(section["optimizer"], OPTIMIZERS, "optimizer")
        scheduler = resolve_params(section["scheduler"], SCHEDULES, "scheduler")
        # Made here to check their values, before data are loaded and a run exists.
        with paths_named("training.loss.params", loss["params"]):
            make_loss({"loss": loss}).check_batch(section["batch_size"])
        with paths_named("training.optimizer.params", optimizer["params"]):
            weight = Parameter(torch.zeros(1))
            make_optimizer([weight], optimizer["name"], **optimizer["params"])
        with paths_named("training.scheduler.params", scheduler["params"]):
            make_schedule(scheduler["name"], **scheduler["params"])
        return {"loss": loss, "optimizer": optimizer, "scheduler": scheduler}

    return training
