"""What captions say of data sets."""

from types import SimpleNamespace

from replearn.study.results import twin_note


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
