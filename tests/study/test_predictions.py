"""How predictors and decoders of true factors generalise, in worlds where it is known."""

import numpy as np
import pytest
import torch
from torch import nn

from replearn.dataset.images import FactorSpace, ImageDataset
from replearn.models import Network
from replearn.models.output import DecoderOutput, PredictorOutput
from replearn.study.decoding import decoding_task
from replearn.study.generalisation import measure, scores_of
from replearn.study.targets import make_targets
from replearn.study.task import make_task
from replearn.training.losses import LOSSES

SPACE = FactorSpace(("shape", "x", "y"), (3, 6, 5))
GRID = SPACE.factors(np.arange(len(SPACE)))


def config_of(loss, target="factors"):
    return {
        "dataset": {
            "name": "world", "validation": 0.3, "split_seed": 0, "holdout": "shape == 0 and x > 2",
        },
        "training": {
            "n_validation": 60, "channels_last": False, "batch_size": 8, "steps": 1, "epochs": 1,
            "loss": {"name": loss, "params": {}},
        },
        "target": target,
    }  # fmt: skip


@pytest.fixture
def data():
    """Images whose pixels say the position in the grid: the grey level is the position."""
    factors = np.tile(GRID, (4, 1))
    level = torch.from_numpy(SPACE.index(factors)).to(torch.uint8)
    images = level.view(-1, 1, 1, 1).expand(-1, 1, 12, 12).clone()
    return ImageDataset("world", images, factors, SPACE, labels=factors[:, 0])


class Oracle(Network):
    """Knows each image, but takes excluded ones for another shape."""

    kind = "predictor"

    def __init__(self, answers, wrong=None):
        super().__init__((1, 12, 12))
        self.answers, self.wrong = answers, wrong
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, x, generator=None):
        factors = torch.from_numpy(GRID)[(x[:, 0, 0, 0] * 255).round().long()].clone()
        if self.wrong is not None:
            factors[(factors[:, 0] == 0) & (factors[:, 1] > 2), 0] = self.wrong
        return PredictorOutput(self.answers(factors))


def scores_from(config, model, data, loss, task):
    arrays, _ = measure(config, model, loss, data, task)
    return scores_of(arrays, data.image_shape), arrays


def test_classes_are_judged_by_their_probabilities(data):
    config = config_of("cross_entropy")
    targets = make_targets(data, config, torch.device("cpu"))
    loss = LOSSES["cross_entropy"](**targets.loss_parameters)
    task = make_task(config, data, torch.device("cpu"), targets.of)

    def sure(factors):  # logits of 50 for the value, 0 for the others
        one_hot = [nn.functional.one_hot(c, s) for c, s in zip(factors.T, SPACE.sizes, strict=True)]
        return 50.0 * torch.cat(one_hot, 1).float()

    scores, _ = scores_from(config, Oracle(sure), data, loss, task)
    assert [scores[f"{p}prediction_r2"] for p in ("", "matched_", "test_", "train_")] == (
        pytest.approx([1, 1, 1, 1])
    )
    scores, arrays = scores_from(config, Oracle(sure, wrong=1), data, loss, task)
    shape, *others = arrays["test_prediction_r2_by_factor"]
    # Two of three indicators are off by 1; their variance over training images is not.
    share = np.bincount(arrays["train_factors"][:, 0], minlength=3) / len(arrays["train_factors"])
    assert shape == pytest.approx(1 - 2 / (share * (1 - share)).sum(), rel=1e-5)
    assert others == pytest.approx([1, 1])
    assert scores["prediction_r2"] == scores["matched_prediction_r2"] == pytest.approx(1)
    excluded = arrays["combination_excluded"]
    assert arrays["combination_prediction_error"][~excluded] == pytest.approx(0, abs=1e-6)
    assert arrays["combination_prediction_error"][excluded] == pytest.approx((1 - shape) / 3)


def test_regression_is_judged_by_the_targets_it_is_trained_on(data):
    config = config_of("mse")
    targets = make_targets(data, config, torch.device("cpu"))
    task = make_task(config, data, torch.device("cpu"), targets.of)
    answers = targets.of(torch.arange(len(SPACE)))  # of the grid, which the images repeat

    def exact(factors):
        return answers[torch.from_numpy(SPACE.index(factors.numpy()))]

    scores, _ = scores_from(config, Oracle(exact), data, LOSSES["mse"](), task)
    assert scores["test_prediction_r2"] == scores["prediction_r2"] == pytest.approx(1)
    scores, arrays = scores_from(config, Oracle(exact, wrong=1), data, LOSSES["mse"](), task)
    # The index is off by 1; its variance over the training images is known.
    variance = arrays["train_factors"][:, 0].var()
    found = arrays["test_prediction_r2_by_factor"]
    assert found == pytest.approx([1 - 1 / variance, 1, 1], rel=1e-5)


def test_of_labels_there_is_nothing_to_say(data):
    config = config_of("cross_entropy", "labels")
    targets = make_targets(data, config, torch.device("cpu"))
    loss = LOSSES["cross_entropy"](**targets.loss_parameters)
    task = make_task(config, data, torch.device("cpu"), targets.of)
    model = Oracle(lambda factors: nn.functional.one_hot(factors[:, 0], 3).float())
    arrays, _ = measure(config, model, loss, data, task)
    assert arrays == {}


class Artist(Network):
    """Draws images of factor values, but excluded ones one level too bright."""

    kind = "decoder"

    def __init__(self):
        super().__init__((1, 12, 12))
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, values, generator=None):
        sizes = torch.tensor(SPACE.sizes)
        factors = ((values + 0.5) * (sizes - 1)).round().long()
        level = torch.from_numpy(SPACE.index(factors.numpy())).float()
        level[(factors[:, 0] == 0) & (factors[:, 1] > 2)] += 25.5
        logits = torch.logit((level / 255).clamp(1e-6, 1 - 1e-6))
        return DecoderOutput(logits.view(-1, 1, 1, 1).expand(-1, 1, 12, 12))


def test_decoders_of_factors_have_the_errors_of_their_pictures(data):
    config = config_of("reconstruction")
    task = decoding_task(config, data, torch.device("cpu"))
    scores, arrays = scores_from(config, Artist(), data, LOSSES["reconstruction"](), task)
    assert scores["squared_error"] == pytest.approx(0, abs=1e-6)
    assert scores["matched_squared_error"] == pytest.approx(0, abs=1e-6)
    assert scores["test_squared_error"] == pytest.approx(144 * 0.1**2, rel=1e-4)
    assert scores["nll_above_entropy"] == pytest.approx(0, abs=1e-2)
    assert scores["test_nll_above_entropy"] > 1
    assert "latent_distance" not in scores and "probe_r2" not in scores
    assert arrays["combination_squared_error"][arrays["combination_excluded"]] == pytest.approx(
        1.44, rel=1e-4
    )
