"""Find how many latents a VAE uses (FONDUE): one epoch each of several latent sizes.

cd scripts
python -m experiments.fondue with dataset.dsprites model.kim training.beta model.latent_size=11
"""

import sys

from sacred import Experiment

from configs.experiments import FAST, TRAINING_RUN
from ingredients.dataset import dataset
from ingredients.model import model_ingredient
from ingredients.training import training_ingredient
from replearn.paths import root
from replearn.runs.commandline import run_commandline
from replearn.study.fondue import find_latent_size
from replearn.study.task import make_task, prepare

ex = Experiment(
    "fondue",
    ingredients=[dataset, model_ingredient("vae"), training_ingredient("vae", epochs=1)],
    base_dir=root(),
    save_git_info=False,
)
ex.add_config(
    {
        **TRAINING_RUN,
        "threshold": 1.0,  # how many more dimensions samples of the latents may have than means
        "largest": 512,  # latent size; the search begins at model.latent_size
        "n_probe": 1000,  # held-out images that dimensions are estimated on
        "neighbours": 20,  # of the maximum-likelihood estimate
    }
)
ex.add_named_config("fast", {**FAST, "n_probe": 64, "neighbours": 10, "largest": 32})


@ex.main
def search(_run, _config):
    """Return the largest latent size whose samples are no more than their means."""
    data, device = prepare(_run, _config)
    task = make_task(_config, data, device)
    found, scores = find_latent_size(_run, _config, data, device, task)
    return {"latent_size": found.size, "candidates": len(found.tried), **scores}


if __name__ == "__main__":
    sys.exit(run_commandline(ex))
