"""The `model` ingredient: which architecture, with which sizes."""

from typing import Any

import torch
from sacred import Ingredient

from configs.models import MODEL_PRESETS
from replearn.errors import InputError
from replearn.models import DECODERS, ENCODERS, MODELS
from replearn.models.operators import OPERATORS
from replearn.registry import lookup, parameters
from replearn.runs.config import at_least_one, defaults, paths_named, resolve, unset
from replearn.runs.rebuild import make_model


def model_ingredient(name: str, **more: Any) -> Ingredient:
    """Return a `model` ingredient whose default model is `name`.

    Args:
        more: keys that models do not take, with their defaults: `composition_op`.
    """
    model = Ingredient("model", save_git_info=False)
    model.add_config({**unset(MODELS), "name": name, **more})
    taken, kind = defaults(MODELS[name]), MODELS[name].kind  # a predictor has no decoder
    for preset, values in MODEL_PRESETS.items():
        if "name" not in values:
            values = {key: value for key, value in values.items() if key in taken}
        elif MODELS[values["name"]].kind != kind:
            continue
        if values:
            model.add_named_config(preset, values)

    @model.config_hook
    def fill_in(config, command_name, logger):
        """Write the chosen model's defaults into the configuration."""
        section = config["model"]
        chosen = MODELS.get(section["name"])
        if chosen is not None and chosen.kind != kind:
            fitting = ", ".join(key for key, each in MODELS.items() if each.kind == kind)
            raise InputError(
                f"the model {section['name']!r} is one of kind {chosen.kind}; this experiment "
                f"trains one of kind {kind}; choose from {fitting}"
            )
        filled = resolve(section, MODELS, "model")
        # Named and sized as the model will check them, before data are loaded and a run exists.
        for part, registry in (("encoder", ENCODERS), ("decoder", DECODERS)):
            if filled[part] is not None:
                lookup(registry, filled[part], part)
        if filled.get("composition_op") is not None:
            lookup(OPERATORS, filled["composition_op"], "composition_op")
        if filled["latent_size"] is not None:
            at_least_one("model.latent_size", filled["latent_size"])
        own = parameters(MODELS[filled["name"]])
        from_data = [key for key, p in own.items() if p.default is p.empty]
        with torch.device("meta"), paths_named("model", own):  # sizes alone: no weights
            plain = {**filled, "composition_op": None}  # its fit is the experiment's to check
            make_model(plain, (1, 64, 64), **{k: 1 for k in from_data if k != "image_shape"})
        return filled

    @model.command(unobserved=True)
    def layers(_config, _run):
        """Print the layers that analyses can name: shapes, parameters, multiply-accumulates."""
        from replearn.models.table import layer_lines, layer_table
        from replearn.runs.rebuild import make_dataset

        data = make_dataset(_run.config["dataset"])
        sizes = {}
        if "target" in _run.config:  # of experiments.supervised
            from replearn.study.targets import make_targets

            sizes["n_outputs"] = make_targets(data, _run.config, torch.device("cpu")).n_outputs
        if kind == "decoder" or _config.get("composition_op") is not None:
            from replearn.study.factors import n_factors

            sizes["n_factors"] = n_factors(data)
        net = make_model(_config, data.image_shape, **sizes)
        print(*layer_lines(layer_table(net)), sep="\n")

    return model
