"""Train an auto-encoder on images alone.

cd scripts
python -m experiments.unsupervised with dataset.dsprites model.kim training.beta seed=0
python -m experiments.unsupervised with dataset.circles dataset.condition=r2r dataset.variant=midpos
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
from replearn.study.learned import vae_scores
from replearn.study.task import make_task, prepare
from replearn.study.tracked import train_tracked

ex = Experiment(
    "unsupervised",
    ingredients=[dataset, model_ingredient("vae"), training_ingredient("vae")],
    base_dir=root(),
    save_git_info=False,
)
ex.add_config(TRAINING_RUN)
ex.add_named_config("fast", FAST)


@ex.main
def train(_run, _config):
    """Return the held-out terms of the loss, what the latents learned and how it generalises."""
    data, device = prepare(_run, _config)
    net = make_model(_config["model"], data.image_shape).to(device)
    loss = make_loss(_config["training"])
    task = make_task(_config, data, device)
    terms = train_tracked(_run, _config, net, loss, task)
    terms |= vae_scores(net, loss, task, terms["reconstruction"])
    return terms | generalise(_run, _config, net, loss, data, task)


if __name__ == "__main__":
    sys.exit(run_commandline(ex))
