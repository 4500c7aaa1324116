"""The likelihood of images alone: golden, closed forms, the VAE without its KL term."""

from math import log, pi

import pytest
import torch

from replearn.errors import InputError
from replearn.models import DecoderOutput
from replearn.training.reconstruction import ReconstructionLoss


def test_the_bernoulli_likelihood_is_the_golden_one(output, images):
    terms = ReconstructionLoss()(DecoderOutput(output.logits), images)
    assert list(terms) == ["loss", "reconstruction", "squared_error"]
    assert terms["loss"].item() == pytest.approx(823.6180855923699, rel=1e-12)
    assert terms["reconstruction"] == terms["loss"]


def test_grey_answers_have_the_error_of_a_coin():
    # 12 pixels of 1 where the logits say 1/2: log 2, or 1/4, each; the Gaussian has its constant.
    output, target = DecoderOutput(torch.zeros(5, 3, 2, 2)), torch.ones(5, 3, 2, 2)
    terms = ReconstructionLoss()(output, target)
    assert terms["loss"].item() == pytest.approx(12 * log(2), rel=1e-6)
    assert terms["squared_error"].item() == 3
    assert ReconstructionLoss("squared_error")(output, target)["loss"].item() == 3
    gaussian = ReconstructionLoss("gaussian", 2.0)(output, target)["loss"].item()
    assert gaussian == pytest.approx(3 / 4 + 6 * log(4 * pi), rel=1e-6)


def test_only_the_loss_has_a_gradient(output, images):
    logits = output.logits.clone().requires_grad_()
    terms = ReconstructionLoss()(DecoderOutput(logits), images)
    assert [name for name, term in terms.items() if term.requires_grad] == ["loss"]
    terms["loss"].backward()
    expected = (torch.sigmoid(output.logits) - images) / len(images)  # of the cross-entropy
    torch.testing.assert_close(logits.grad, expected, rtol=1e-10, atol=1e-12)


def test_bad_parameters_are_refused_in_one_sentence():
    with pytest.raises(InputError, match="unknown likelihood 'bernouli'; did you mean 'bernoulli'"):
        ReconstructionLoss("bernouli")
