"""The benchmark of the composition task: its tables, and the masks that they are of."""

import pytest

from benchmark import composition


@pytest.mark.slow
def test_quick_tables_hold_every_mask_and_a_step(monkeypatch):
    monkeypatch.setattr(composition, "BATCH", 4)
    text = composition.composition_text(quick=True)
    assert all(f"| {what} |" in text for what in composition.masks())
    assert "data are **" in text


def test_masks_have_the_published_sizes():
    members = {what: mask.sum() for what, (_, mask) in composition.masks().items()}
    assert members["dSprites, all"] == 737_280
    # The published condition r2r sqr2tx: squares with x > 0.5.
    assert members["dSprites, no squares on the right"] == 614_400
