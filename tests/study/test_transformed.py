"""How transformed images of the composition task are judged: as those that the examples ask for."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from replearn.dataset import load
from replearn.models import initialise
from replearn.runs.rebuild import make_model
from replearn.study.composition import composition_task
from replearn.study.generalisation import generalise, measure, scores_of
from replearn.study.recombination import transformed_errors
from replearn.training.elbo import VAELoss
from replearn.training.seeds import make_generator

CPU = torch.device("cpu")


def made(reconstruct):
    """A config, data, a model that was not trained, and the task."""
    config = {
        "dataset": {
            "name": "circles", "validation": 0.2, "split_seed": 0, "holdout": "x > 0.6 and y > 0.6",
        },
        "training": {"channels_last": False, "batch_size": 16, "n_validation": 40},
        "reconstruct": reconstruct,
    }  # fmt: skip
    data = load("circles")
    section = {
        "name": "vae", "encoder": "burgess", "decoder": "burgess",
        "latent_size": 4, "composition_op": "linear",
    }  # fmt: skip
    model = make_model(section, data.image_shape, n_factors=2)
    initialise(model, make_generator(0))
    task = composition_task(config, data, CPU)
    return config, data, model, task


@pytest.mark.parametrize("reconstruct", ["all", "target"])
def test_the_last_image_of_each_example_is_judged(reconstruct):
    _, data, model, task = made(reconstruct)
    found = transformed_errors(model, VAELoss().likelihood, task.test)
    errors, shown = [], []
    with torch.no_grad():
        for inputs, target in task.test.in_order():
            difference = model(inputs).x_mean[:, -1] - target[:, -1]
            errors += difference.square().flatten(1).sum(1).tolist()
            shown += list(target[:, -1])
    assert found["transformed_squared_error"] == pytest.approx(errors, rel=1e-4)
    positions = torch.from_numpy(found["transformed_positions"])
    assert torch.equal(data.batch(positions), torch.stack(shown))


@pytest.mark.slow
def test_they_are_matched_by_the_factors_of_what_was_asked_for():
    config, data, model, task = made("target")
    arrays, _ = measure(config, model, VAELoss(), data, task)
    scores = scores_of(arrays, data.image_shape)
    error = arrays["test_transformed_squared_error"]
    assert scores["test_transformed_squared_error"] == pytest.approx(error.mean())
    # A network that was not trained knows no combination from another.
    assert scores["matched_transformed_squared_error"] == pytest.approx(error.mean(), rel=0.05)


@pytest.mark.slow
def test_excluded_combinations_that_no_example_ends_in_are_measured_as_images():
    config, data, model, task = made("all")
    config["training"] |= {"steps": 1, "n_validation": 10}
    names, logged = [], []
    run = SimpleNamespace(
        _id=1,
        log_scalar=lambda name, value, step: logged.append(name),
        add_artifact=lambda path, name: names.append(name),
    )
    scores = generalise(run, config, model, VAELoss(), data, replace(task, test=None))
    assert "generalisation.npz" in names and "test.nll" in logged
    assert {"test_nll", "test_least_error", "transformed_nll"} <= set(scores)
    assert not {"test_transformed_nll", "matched_transformed_nll"} & set(scores)
