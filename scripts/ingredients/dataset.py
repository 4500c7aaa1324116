"""The `dataset` ingredient: which images, and which of them are held out."""

from sacred import Ingredient

from replearn.dataset import DATASETS
from replearn.errors import InputError
from replearn.runs.config import resolve, unset

dataset = Ingredient("dataset", save_git_info=False)
dataset.add_config({**unset(DATASETS), "name": "dsprites", "validation": 0.1, "split_seed": 0})
for name in DATASETS:
    dataset.add_named_config(name, {"name": name})


@dataset.config_hook
def fill_in(config, command_name, logger):
    """Write the chosen data set's defaults into the configuration."""
    section = config["dataset"]
    if not 0 < section["validation"] < 1:
        raise InputError(
            f"dataset.validation must be a fraction between 0 and 1 of the images, which are held "
            f"out, got {section['validation']!r}"
        )
    return resolve(section, DATASETS, "data set")
