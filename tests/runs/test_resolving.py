"""Configurations resolved for a plan are those of the command line."""

import pytest
from sacred import SETTINGS

from experiments import unsupervised
from replearn.errors import InputError
from replearn.runs.commandline import make_run, parse
from replearn.runs.resolving import parse_words, resolve_words


@pytest.mark.parametrize(
    "words",
    [
        ["dataset.digits", "model.burgess", "training.factor", "seed=3"],
        ["training.steps=1e2", "tags=[a,'b c']", "fast"],
        ["training.loss={'name': 'beta_vae', 'params': {'beta': 2}}"],
    ],
)
def test_a_configuration_is_the_one_of_the_command_line(words):
    command, *parsed, options = parse(unsupervised.ex, ["X", "with", *words])
    assert list(parse_words(words)) == parsed
    run = make_run(unsupervised.ex, command, *parsed, options)
    assert resolve_words(unsupervised.ex, words) == run.config


def test_a_typo_is_refused_and_sacred_left_as_it_was():
    asked = SETTINGS.HOST_INFO
    before = asked.INCLUDE_CPU_INFO, asked.INCLUDE_GPU_INFO
    with pytest.raises(InputError, match="unknown config key 'sed'; did you mean 'seed'"):
        resolve_words(unsupervised.ex, ["sed=1"])
    assert (asked.INCLUDE_CPU_INFO, asked.INCLUDE_GPU_INFO) == before == (True, True)
