"""Sacred, imported lean, finds out as ever who makes an ingredient."""

from pathlib import Path

from sacred import Ingredient

from experiments import supervised, unsupervised
from replearn.runs import lean_sacred


def test_an_experiment_and_an_ingredient_know_their_file():
    for module in (supervised, unsupervised):
        assert Path(module.ex.mainfile.filename) == Path(module.__file__)
    here = Ingredient("here", save_git_info=False)
    assert Path(here.mainfile.filename) == Path(__file__)


def test_no_frame_is_looked_up_in_its_source(monkeypatch):
    def lookup(*args, **kwargs):
        raise AssertionError("inspect.stack takes 0.1 s")

    monkeypatch.setattr(lean_sacred.inspect, "stack", lookup)
    Ingredient("here", save_git_info=False)
