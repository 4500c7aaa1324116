"""Panels of a study: one for each set of factors."""

from types import SimpleNamespace

import numpy as np
import pytest

from replearn.study.panels import draw_hinton_panels
from replearn.study.summary import Study, varied_paths

FACTORS = {"circles": ["x", "y"], "dsprites": ["shape", "scale", "x"]}


class Kept:
    """The figures that were drawn."""

    def __init__(self):
        self.figures = {}

    def figure(self, name, figure, title, text=""):
        self.figures[name] = (figure, text)


@pytest.fixture
def study():
    runs, analyses = [], {}
    for i, (name, loss) in enumerate(
        [("circles", "vae"), ("dsprites", "vae"), ("circles", "factor_vae")]
    ):
        config = {"seed": 0, "dataset": {"name": name}, "training": {"loss": {"name": loss}}}
        runs.append(SimpleNamespace(id=i, config=config, identity={}, info={}))
        names = np.array(FACTORS[name])
        codes = {"importance": np.eye(4, len(names)), "active": np.ones(4, bool)}
        codes["factor_names"] = names
        analyses[i] = SimpleNamespace(load={"codes.npz": codes}.get)
    return Study(runs, analyses, varied_paths(runs))


def test_each_set_of_factors_has_a_panel_with_its_own_names(study):
    kept = Kept()
    draw_hinton_panels(kept, study)
    shown = {
        name: [[tick.get_text() for tick in axes.get_xticklabels()] for axes in figure.axes]
        for name, (figure, _) in kept.figures.items()
    }
    assert shown == {"hinton_panel": [["x", "y"]] * 2, "hinton_panel_2": [["shape", "scale", "x"]]}
    figure, text = kept.figures["hinton_panel"]
    # What all diagrams of a panel share stands below, not above each of them.
    assert [axes.get_title() for axes in figure.axes] == ["vae\nseed 0", "factor_vae\nseed 0"]
    assert text == "Importance: circles, x, y."
