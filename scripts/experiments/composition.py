"""Train an auto-encoder to change one factor of an image to its value in another image.

cd scripts
python -m experiments.composition with dataset.dsprites model.kim training.factor seed=0
python -m experiments.composition with dataset.shapes3d model.abdi model.composition_op=interp
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
from replearn.study.composition import check_composition, composition_task, image_scores
from replearn.study.generalisation import generalise
from replearn.study.task import make_task, prepare
from replearn.study.tracked import train_tracked

ex = Experiment(
    "composition",
    ingredients=[
        dataset,
        model_ingredient("vae", composition_op="linear"),  # or fixint, interp, mlp
        training_ingredient("vae"),
    ],
    base_dir=root(),
    save_git_info=False,
)
ex.add_config(
    {
        **TRAINING_RUN,
        "command": "resampled",  # the command's other factors; or "any" image with the value
        "reconstruct": "all",  # or "target": the transformed image alone
    }
)
ex.add_named_config("fast", FAST)


@ex.config_hook
def check(config, command_name, logger):
    """Refuse what cannot be composed before data are loaded and a run exists."""
    check_composition(config)
    return {}


@ex.main
def train(_run, _config):
    """Return the held-out terms of the loss, what the latents learned and how it generalises."""
    data, device = prepare(_run, _config)
    images = make_task(_config, data, device)
    task = composition_task(_config, data, device, images, _run.info)
    n_factors = _run.info["n_factors"]
    net = make_model(_config["model"], data.image_shape, n_factors=n_factors).to(device)
    loss = make_loss(_config["training"])
    terms = train_tracked(_run, _config, net, loss, task)
    terms |= image_scores(_config, net, loss, images)
    return terms | generalise(_run, _config, net, loss, data, task)


if __name__ == "__main__":
    sys.exit(run_commandline(ex))
