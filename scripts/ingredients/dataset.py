"""The `dataset` ingredient: which images, and which of them are held out."""

from sacred import Ingredient

from replearn.dataset import DATASETS, DECLARATIONS
from replearn.dataset.altered import ALTERATIONS, check_alterations
from replearn.dataset.rebalance import check_rebalance
from replearn.dataset.split import fractions
from replearn.dataset.splits import check_holdout, resolve_holdout
from replearn.dataset.subset import CLASS_OPTIONS, OPTIONS, check_options
from replearn.errors import InputError
from replearn.runs.config import resolve, unset

dataset = Ingredient("dataset", save_git_info=False)
dataset.add_config(
    {
        **unset(DATASETS),
        "name": "dsprites",
        "validation": None,  # the fraction of the images that is held out: 0.1
        "train_fraction": None,  # the fraction that is left: either may be given
        "split_seed": 0,
        "label_noise": None,  # share of the training labels that are replaced at random
        "shortcut": None,  # share of the training images whose mark tells their class
        "noise_seed": None,  # which of them
        "condition": None,  # which combinations of factors are excluded: interp, r2e, r2r, extrp
        "variant": None,  # of the condition, by its published name: docs/splits.md
        "modifiers": None,  # names of restrictions of training and test images
        "holdout": None,  # or an expression: "shape == 'square' and posX > 0.5"
        "rebalance": None,  # a factor of whose values training images are drawn alike
    }
)
for name in DATASETS:
    dataset.add_named_config(name, {"name": name})


@dataset.config_hook
def fill_in(config, command_name, logger):
    """Write the chosen data set's defaults into the configuration."""
    section = resolve(config["dataset"], DATASETS, "data set", "dataset")
    check_options(**{key: section[key] for key in (*OPTIONS, *CLASS_OPTIONS)})
    if section["n"] is not None or section["per_class"] is not None:
        section["subset_seed"] = section["subset_seed"] or 0
    check_alterations(**{key: section[key] for key in ALTERATIONS})
    if given := [key for key in ("label_noise", "shortcut") if section[key] is not None]:
        if not DECLARATIONS[section["name"]].class_names:
            raise InputError(
                f"dataset.{given[0]} is for data with class labels; {section['name']} has none"
            )
        section["noise_seed"] = section["noise_seed"] or 0
    declaration = DECLARATIONS[section["name"]]
    section |= resolve_holdout(section)
    if declaration.files or section["source"] not in ("auto", "real"):
        check_holdout(section, declaration)
        check_rebalance(section["rebalance"], section["name"], declaration.factor_space)
    # else it may be a file of the user's own, whose factors are not known before it is read
    held_out, rest = fractions(section["validation"], section["train_fraction"])
    return {**section, "validation": held_out, "train_fraction": rest}
