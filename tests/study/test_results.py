"""What captions say of runs and their data sets."""

from types import SimpleNamespace

from replearn.study.results import shared_facts, twin_note


def test_captions_tell_twins_and_what_else_a_data_set_says():
    sets = [
        {"name": "dsprites", "is_twin": True, "note": "Redrawn."},
        {"name": "circles", "is_twin": True},
        {"name": "smallnorb", "is_twin": False, "note": "Unclipped."},
        {"name": "mnist", "is_twin": False, "note": ""},
        {"name": "dsprites", "is_twin": True, "note": "Redrawn."},
    ]
    runs = [SimpleNamespace(info={"dataset": each}) for each in sets] + [SimpleNamespace(info={})]
    assert twin_note(runs) == "Redrawn. twin of circles Unclipped."


def test_captions_say_what_all_runs_share():
    def run(encoder, beta, data="digits"):
        loss = {"name": "beta_vae", "params": {"beta": beta, "likelihood": "bernoulli"}}
        parts = {"dataset": {"name": data}, "model": {"encoder": encoder}}
        return SimpleNamespace(config={**parts, "training": {"loss": loss}, "seed": 0})

    assert shared_facts([run("kim", 4), run("kim", 4)]) == {
        "data": "digits", "encoder": "kim", "loss": "beta_vae, beta=4",
    }  # fmt: skip
    assert shared_facts([run("kim", 4), run("burgess", 8)]) == {"data": "digits"}
    assert shared_facts([run("kim", 4), run("kim", 4, "mnist"), run(None, 4)]) == {
        "loss": "beta_vae, beta=4"
    }
