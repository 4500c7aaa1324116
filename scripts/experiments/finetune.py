"""Retrain one half of a finished auto-encoder, with the other half frozen.

cd scripts
python -m experiments.finetune with source=12 freeze=encoder training.epochs=10

Data, model and objective are those of run 12; the half that is not frozen is drawn anew. An
operator on latents stays as it is.
"""

import sys

from sacred import Experiment

from configs.experiments import FAST, TRAINING_RUN
from ingredients.dataset import dataset
from ingredients.model import model_ingredient
from ingredients.training import training_ingredient
from replearn.models.autoencoder import check_half
from replearn.paths import root
from replearn.runs.commandline import run_commandline
from replearn.runs.rebuild import make_loss
from replearn.study.composition import image_scores
from replearn.study.finetuning import frozen_model
from replearn.study.generalisation import generalise
from replearn.study.task import make_task, prepare
from replearn.study.tasks import TASKS
from replearn.study.tracked import train_tracked

ex = Experiment(
    "finetune",
    ingredients=[
        dataset,
        model_ingredient("vae", composition_op=None),
        training_ingredient("vae"),
    ],
    base_dir=root(),
    save_git_info=False,
)
ex.add_config(
    {
        **TRAINING_RUN,
        "source": None,  # id of a finished run of unsupervised, composition or finetune
        "freeze": "encoder",  # or decoder
        "task": None,  # these three: of that run
        "command": None,
        "reconstruct": None,
    }
)
ex.add_named_config("fast", FAST)


@ex.config_hook
def check(config, command_name, logger):
    """Refuse another half before data are loaded and a run exists."""
    check_half(config["freeze"])
    return {}


@ex.main
def train(_run, _config):
    """Return the held-out terms of the loss, what the latents learned and how it generalises."""
    data, device = prepare(_run, _config)
    net, kept = frozen_model(_run, _config)
    net, loss = net.to(device), make_loss(_config["training"])
    task = TASKS[_config["task"]](_config, data, device)
    terms = train_tracked(_run, _config, net, loss, task, kept)
    terms |= image_scores(_config, net, loss, make_task(_config, data, device))
    return terms | generalise(_run, _config, net, loss, data, task)


if __name__ == "__main__":
    sys.exit(run_commandline(ex))
