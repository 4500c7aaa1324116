"""Classification and regression losses against closed forms and scikit-learn."""

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, log_loss, mean_absolute_error, mean_squared_error

from replearn.errors import InputError
from replearn.models import PredictorOutput
from replearn.training.supervised import CrossEntropyLoss, MeanSquaredErrorLoss


@pytest.fixture
def logits():
    return torch.randn(40, 7, generator=torch.Generator().manual_seed(0)).double()


@pytest.fixture
def factors():
    rng = np.random.default_rng(0)
    return torch.from_numpy(np.stack([rng.integers(0, 3, 40), rng.integers(0, 4, 40)], axis=1))


def test_one_label_of_known_odds():
    # Scores (log 3, 0): probability 3/4 for class 0. Two images, one right.
    scores = torch.tensor([[np.log(3), 0.0], [np.log(3), 0.0]])
    terms = CrossEntropyLoss()(PredictorOutput(scores), torch.tensor([0, 1]), 0)
    assert terms["loss"].item() == pytest.approx((np.log(4 / 3) + np.log(4)) / 2, rel=1e-12)
    assert terms["accuracy"].item() == 0.5


def test_factors_are_summed_and_their_accuracies_are_scikit_learns(logits, factors):
    loss = CrossEntropyLoss(sizes=(3, 4), names=("shape", "scale"))
    terms = loss(PredictorOutput(logits), factors, 0)
    blocks = logits[:, :3], logits[:, 3:]
    expected, right = 0.0, []
    for k, block in enumerate(blocks):
        expected += log_loss(factors[:, k], block.softmax(1), labels=range(block.shape[1]))
        right.append(accuracy_score(factors[:, k], block.argmax(1)))
    assert terms["loss"].item() == pytest.approx(expected, rel=1e-12)
    assert terms["accuracy_shape"].item() == pytest.approx(right[0])
    assert terms["accuracy_scale"].item() == pytest.approx(right[1])
    assert terms["accuracy"].item() == pytest.approx(np.mean(right))
    numbered = CrossEntropyLoss(sizes=(3, 4))(PredictorOutput(logits), factors, 0)
    assert list(numbered) == ["loss", "accuracy", "accuracy_0", "accuracy_1"]


def test_squared_error_is_scikit_learns(logits):
    target = torch.randn(40, 7, generator=torch.Generator().manual_seed(1)).double()
    terms = MeanSquaredErrorLoss()(PredictorOutput(logits), target, 0)
    assert terms["loss"].item() == pytest.approx(mean_squared_error(target, logits), rel=1e-12)
    assert terms["mse"].item() == terms["loss"].item()
    assert terms["mae"].item() == pytest.approx(mean_absolute_error(target, logits), rel=1e-12)
    named = MeanSquaredErrorLoss(names="abcdefg")(PredictorOutput(logits), target, 0)
    expected = mean_squared_error(target, logits, multioutput="raw_values")
    found = [named[f"mse_{name}"].item() for name in "abcdefg"]
    assert found == pytest.approx(expected.tolist(), rel=1e-12)
    assert named["loss"].item() == terms["loss"].item() and len(terms) == 3


def test_half_precision_scores_are_compared_in_float32(logits, factors):
    terms = CrossEntropyLoss(sizes=(3, 4))(PredictorOutput(logits.bfloat16()), factors, 0)
    assert terms["loss"].dtype == torch.float32


@pytest.mark.parametrize(
    ("loss", "target", "sentence"),
    [
        (CrossEntropyLoss(), torch.zeros(40, 2).long(), r"expected labels of shape \(B,\), got"),
        (CrossEntropyLoss([3, 4]), torch.zeros(40).long(), r"sizes \[3, 4\] need targets \(B, 2\)"),
        (CrossEntropyLoss([3, 5]), torch.zeros(40, 2).long(), r"outputs \(B, 8\), got"),
        (MeanSquaredErrorLoss(), torch.zeros(40, 2), r"outputs' shape \(40, 7\), got \(40, 2\)"),
    ],
)
def test_targets_that_do_not_fit_are_refused_in_one_sentence(logits, loss, target, sentence):
    with pytest.raises(InputError, match=sentence):
        loss(PredictorOutput(logits), target, 0)


def test_names_need_a_size_each():
    with pytest.raises(InputError, match="one size for each factor"):
        CrossEntropyLoss(sizes=[3], names=["shape", "scale"])
