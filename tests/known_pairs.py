"""Runs that nobody stored, a similarity for each pair, and figures that stay in memory."""

from types import SimpleNamespace

import numpy as np

from replearn.analysis.similarity import SimilarityResult
from replearn.study.compared import Compared
from replearn.study.comparison import Source

LAYERS = ["encoder.0", "mean", "z"]
STEPS = (0, 10, 100)
# What analysis.visualise is told.
GOOD = {"tool": "heatmap", "show": "value", "pairs": None, "layer_pair": "mean,z", "rows": {},
        "columns": {}, "pooling": "flatten"}  # fmt: skip


class StoredRun(SimpleNamespace):
    """What pictures know of a run; as with stored ones, no two are equal."""

    __eq__, __hash__ = object.__eq__, object.__hash__


def run(run_id, beta, seed):
    return StoredRun(
        id=run_id, experiment="unsupervised", identity={"group_hash": f"hash of {beta}"},
        completion={"artifacts": {"step-00000000.safetensors": {"sha256": f"of seed {seed}"}}},
        config={"seed": seed, "beta": beta, "model": {"name": "vae"}, "loss": None},
    )  # fmt: skip


RUNS = [run(1, 1, 0), run(2, 1, 1), run(3, 1, 2), run(4, 4, 0)]
SOURCES = [Source(each, step) for each in RUNS for step in STEPS]


def compared(sources=SOURCES, layers=LAYERS, measure="cka_linear", dead=()):
    """A known value for each pair: (run + run') / 100 + (t + t') / 10 + |l - l'| / 1000."""
    labels = [(s.run.id, STEPS.index(s.step), i) for s in sources for i in range(len(layers))]
    run_ids, times, places = np.array(labels, dtype=float).T
    values = (
        (run_ids[:, None] + run_ids) / 100
        + (times[:, None] + times) / 10
        + np.abs(places[:, None] - places) / 1000
    )
    for i in dead:
        values[i] = values[:, i] = np.nan
    names = tuple(s.label(layer) for s in sources for layer in layers)
    found = SimilarityResult(
        names, 64, {measure: values}, nulls={measure: np.full(values.shape, 0.2)}
    )
    return Compared([(sources, found)], layers)


class Drawn:
    """Results that are kept in memory: figures by name, arrays by name."""

    def __init__(self):
        self.figures, self.texts, self.saved = {}, {}, {}

    def figure(self, name, figure, title, text=""):
        self.figures[name], self.texts[name] = figure, text

    def arrays(self, name, **arrays):
        self.saved[name] = arrays


def artists(figure, gid):
    """The artists of a figure that carry an id."""
    return figure.findobj(lambda artist: artist.get_gid() == gid)
