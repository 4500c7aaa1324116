"""Presets are names, and who names a spec last replaces it whole."""

import json

import pytest
from sacred import Experiment, Ingredient

from replearn.errors import InputError
from replearn.runs.commandline import make_run
from replearn.runs.presets import check_presets


@pytest.fixture
def experiment():
    """An experiment with one ingredient, whose presets set a spec, another one, or none."""
    part = Ingredient("part", save_git_info=False)
    part.add_config({"net": {"name": "a", "params": {}}, "size": 1})
    part.add_named_config("wide", {"net": {"name": "b", "params": {"width": 9}}, "size": 2})
    part.add_named_config("deep", {"net": {"name": "c", "params": {"depth": 8}}})
    part.add_named_config("plain", {"net": {"name": "b"}})
    part.add_named_config("big", {"size": 5})
    experiment = Experiment("presets", ingredients=[part], save_git_info=False)
    experiment.add_named_config("fast", {"part": {"net": {"name": "d"}}})
    experiment.command(lambda: None, unobserved=True)
    return experiment


@pytest.mark.parametrize(
    ("presets", "updates", "net", "size"),
    [
        (["wide", "deep"], {}, {"name": "c", "params": {"depth": 8}}, 2),
        (["deep", "wide"], {}, {"name": "b", "params": {"width": 9}}, 2),
        (["wide", "plain"], {}, {"name": "b", "params": {}}, 2),
        (["wide", "big"], {}, {"name": "b", "params": {"width": 9}}, 5),
        (["wide", "deep", "wide"], {}, {"name": "b", "params": {"width": 9}}, 2),
        (["wide", "fast"], {}, {"name": "d", "params": {}}, 2),
        (["fast", "wide"], {}, {"name": "b", "params": {"width": 9}}, 2),
        (["wide"], {"params": {"width": 3}}, {"name": "b", "params": {"width": 3}}, 2),
        (["wide"], {"params": {"depth": 3}}, {"name": "b", "params": {"width": 9, "depth": 3}}, 2),
        (["wide"], {"name": "b"}, {"name": "b", "params": {"width": 9}}, 2),
        (["wide"], {"name": "c"}, {"name": "c", "params": {}}, 2),
        (["wide", "deep"], {"name": "b"}, {"name": "b", "params": {}}, 2),
    ],
)
def test_who_names_a_spec_last_replaces_it_whole(experiment, presets, updates, net, size):
    names = [name if name == "fast" else f"part.{name}" for name in presets]
    given = {"part": {"net": updates}} if updates else {}
    for _ in range(2):  # what ran before leaves nothing behind
        config = make_run(experiment, "<lambda>", given, names).config
        assert config["part"] == {"net": net, "size": size}


@pytest.mark.parametrize("name", ["mine.json", "mine.yaml", "mine.yml", "mine.pickle"])
def test_preset_files_are_refused(name, tmp_path, monkeypatch):
    # Sacred's own decoding of this one calls os.mkdir.
    reduce = [{"py/function": "os.mkdir"}, {"py/tuple": [str(tmp_path / "called")]}]
    (tmp_path / "mine.json").write_text(json.dumps({"seed": {"py/reduce": reduce}}))
    monkeypatch.chdir(tmp_path)
    experiment = Experiment("presets", save_git_info=False)
    experiment.add_named_config("fast", {"seed": 1})
    with pytest.raises(InputError, match=rf"presets are names.* got the file '{name}'; give val"):
        make_run(experiment, "print_config", presets=["fast", name])
    assert not (tmp_path / "called").exists()
    with pytest.raises(InputError, match="unknown preset 'fst'; did you mean 'fast'"):
        check_presets(experiment, ["fst"])
