"""Train a predictor: classify labels or factors of variation, or regress factors.

cd scripts
python -m experiments.supervised with dataset.mnist dataset.size=32 model.kim
python -m experiments.supervised with dataset.dsprites target=factors training.regression
"""

import sys

from sacred import Experiment

from configs.experiments import FAST, TRAINING_RUN
from ingredients.dataset import dataset
from ingredients.model import model_ingredient
from ingredients.training import training_ingredient
from replearn.paths import root
from replearn.runs.commandline import run_commandline
from replearn.runs.rebuild import make_loss, make_model
from replearn.study.generalisation import generalise
from replearn.study.targets import make_targets, resolve_targets
from replearn.study.task import make_task, prepare
from replearn.study.tracked import train_tracked

ex = Experiment(
    "supervised",
    ingredients=[dataset, model_ingredient("predictor"), training_ingredient("cross_entropy")],
    base_dir=root(),
    save_git_info=False,
)
ex.add_config(
    {
        **TRAINING_RUN,
        "target": None,  # "labels" or "factors"; None for labels where the data set has some
        "normalised": None,  # False: regress raw values of factors, not centred ones of range 1
    }
)
ex.add_named_config("fast", FAST)


@ex.config_hook
def fill_in(config, command_name, logger):
    """Write down what is predicted; refuse what is not there before a run exists."""
    return resolve_targets(config)


@ex.main
def train(_run, _config):
    """Return the held-out terms of the loss, and how predictions generalise."""
    data, device = prepare(_run, _config)
    targets = make_targets(data, _config, device)
    net = make_model(_config["model"], data.image_shape, n_outputs=targets.n_outputs).to(device)
    _run.info["n_outputs"] = targets.n_outputs
    loss = make_loss(_config["training"], **targets.loss_parameters)
    task = make_task(_config, data, device, targets.of)
    terms = train_tracked(_run, _config, net, loss, task)
    return terms | generalise(_run, _config, net, loss, data, task)


if __name__ == "__main__":
    sys.exit(run_commandline(ex))
