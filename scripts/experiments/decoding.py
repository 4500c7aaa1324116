"""Train a decoder of true factors: factor values in, images out.

cd scripts
python -m experiments.decoding with dataset.dsprites model.deep
python -m experiments.decoding with dataset.dsprites dataset.condition=r2r dataset.variant=sqr2tx
"""

import sys

from sacred import Experiment

from configs.experiments import FAST, TRAINING_RUN
from configs.training import TRAINING_PRESETS
from ingredients.dataset import dataset
from ingredients.model import model_ingredient
from ingredients.training import training_ingredient
from replearn.paths import root
from replearn.runs.commandline import run_commandline
from replearn.runs.rebuild import make_loss, make_model
from replearn.study.decoding import decoding_task
from replearn.study.factors import declared, n_factors
from replearn.study.generalisation import generalise
from replearn.study.task import prepare
from replearn.study.tracked import train_tracked

LENGTH = {key: TRAINING_PRESETS["generation"][key] for key in ("steps", "optimizer")}

ex = Experiment(
    "decoding",
    ingredients=[
        dataset,
        model_ingredient("decoder"),
        training_ingredient("reconstruction", **LENGTH),
    ],
    base_dir=root(),
    save_git_info=False,
)
ex.add_config(TRAINING_RUN)
ex.add_named_config("fast", FAST)


@ex.config_hook
def check(config, command_name, logger):
    """Refuse images without factors before data are loaded and a run exists."""
    n_factors(declared(config))
    return {}


@ex.main
def train(_run, _config):
    """Return the held-out terms of the loss, and how the decoder generalises."""
    data, device = prepare(_run, _config)
    _run.info["n_factors"] = n_factors(data)
    net = make_model(_config["model"], data.image_shape, n_factors=n_factors(data)).to(device)
    loss = make_loss(_config["training"])
    task = decoding_task(_config, data, device)
    terms = train_tracked(_run, _config, net, loss, task)
    return terms | generalise(_run, _config, net, loss, data, task)


if __name__ == "__main__":
    sys.exit(run_commandline(ex))
