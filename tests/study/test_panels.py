"""Panels of a study: one for each set of factors."""

from types import SimpleNamespace

import numpy as np

from replearn.study.panels import draw_hinton_panels
from replearn.study.summary import Study, varied_paths

FACTORS = {"circles": ["x", "y"], "dsprites": ["shape", "scale", "x"]}


class Kept:
    """The figures that were drawn."""

    def __init__(self):
        self.figures = {}

    def figure(self, name, figure, title, text=""):
        self.figures[name] = (figure, text)


def study_of(*entries):
    """A study of analysed runs: of each the data set, the loss, its parameters and the seed.

    And if need be what else of its training.
    """
    runs, analyses = [], {}
    for i, (name, loss, params, seed, *more) in enumerate(entries):
        loss = {"name": loss, "params": params}
        config = {"seed": seed, "dataset": {"name": name}, "training": {"loss": loss}}
        for setting in more:
            config["training"] |= setting
        identity = {"group_hash": f"{name} {loss}"}
        run = SimpleNamespace(id=i, config=config, identity=identity, info={}, result={})
        run.started = run.experiment = None
        runs.append(run)
        names = np.array(FACTORS[name])
        codes = {"importance": np.eye(4, len(names)), "active": np.ones(4, bool)}
        codes["factor_names"] = names
        analyses[i] = SimpleNamespace(id=100 + i, load={"codes.npz": codes}.get, result={})
    return Study(runs, analyses, varied_paths(runs))


def test_each_set_of_factors_has_a_panel_with_its_own_names():
    kept = Kept()
    draw_hinton_panels(
        kept,
        study_of(
            ("circles", "vae", {}, 0), ("dsprites", "vae", {}, 0), ("circles", "factor_vae", {}, 0)
        ),
    )
    shown = {
        name: [[tick.get_text() for tick in axes.get_xticklabels()] for axes in figure.axes]
        for name, (figure, _) in kept.figures.items()
    }
    assert shown == {"hinton_panel": [["x", "y"]] * 2, "hinton_panel_2": [["shape", "scale", "x"]]}
    figure, text = kept.figures["hinton_panel"]
    # What all diagrams of a panel share stands below, not above each of them.
    assert [axes.get_title() for axes in figure.axes] == ["factor_vae\nseed 0", "vae\nseed 0"]
    assert text == "Importance: circles, x, y."


def test_models_are_lines_and_conditions_columns():
    kept = Kept()
    FACTORS["rings"] = FACTORS["circles"]
    entries = [(data, "beta_vae", {"beta": beta}, seed)
               for data in ("rings", "circles") for beta in (4, 1) for seed in (1, 0)]  # fmt: skip
    draw_hinton_panels(kept, study_of(*entries))
    figure, text = kept.figures["hinton_panel"]
    assert text.endswith(" The lowest seed of each model and condition: runs 1, 3, 5, 7.")
    assert [axes.get_title().split("\n") for axes in figure.axes] == [
        ["circles", "beta 1", "seed 0"], ["rings", "beta 1", "seed 0"],
        ["circles", "beta 4", "seed 0"], ["rings", "beta 4", "seed 0"],
    ]  # fmt: skip
    tops = [round(axes.get_position().y1, 3) for axes in figure.axes]
    assert tops[0] == tops[1] > tops[2] == tops[3]


def test_diagrams_stand_in_the_order_of_the_table():
    kept = Kept()
    entries = [("circles", "beta_vae", {"beta": b}, s) for b, s in ((8, 1), (16, 0), (8, 0))]
    entries += [("circles", "factor_vae", {"beta": 1, "gamma": g}, 0) for g in (10, 9)]
    draw_hinton_panels(kept, study_of(*entries))
    figure, _ = kept.figures["hinton_panel"]
    assert [axes.get_title().replace("\n", ", ") for axes in figure.axes] == [
        "beta_vae, beta 8, seed 0", "beta_vae, beta 8, seed 1", "beta_vae, beta 16, seed 0",
        "factor_vae, gamma 9, seed 0", "factor_vae, gamma 10, seed 0",
    ]  # fmt: skip


def test_of_many_runs_one_of_each_group_is_drawn_and_that_is_said():
    kept = Kept()
    entries = [("circles", "vae", {"beta": b}, s) for b in range(4) for s in range(9, -1, -1)]
    draw_hinton_panels(kept, study_of(*entries))
    figure, text = kept.figures["hinton_panel"]
    titles = [axes.get_title().split("\n") for axes in figure.axes]
    assert titles == [[f"beta {b}", "seed 0"] for b in range(4)]
    assert text.endswith(" are drawn, the first of each group: runs 9, 19, 29, 39.")
    assert " Of 40 runs, 4 are" in text


def test_what_follows_from_the_loss_has_no_line_and_what_does_not_has_one():
    def settings(lr, batch_size):
        return {"optimizer": {"params": {"lr": lr}}, "batch_size": batch_size}

    def title_of(*entries):
        kept = Kept()
        draw_hinton_panels(kept, study_of(*entries))
        figure, text = kept.figures["hinton_panel"]
        return [axes.get_title().split("\n") for axes in figure.axes], text

    entries = [("circles", "vae", {"likelihood": "mse"}, 0, settings(0.1, 8)),
               ("circles", "vae", {"likelihood": "mse"}, 0, settings(0.1, 16)),
               ("circles", "mmd", {"likelihood": "bernoulli"}, 0, settings(0.2, 8))]  # fmt: skip
    titles, _ = title_of(*entries)
    assert titles == [
        ["mmd", "batch size 8", "seed 0"], ["vae", "batch size 8", "seed 0"],
        ["vae", "batch size 16", "seed 0"],
    ]  # fmt: skip
    # Of one loss, no setting follows from it.
    titles, text = title_of(entries[0], ("circles", "vae", {}, 0, settings(0.2, 8)))
    assert [title[-2:] for title in titles] == [["lr 0.1", "seed 0"], ["lr 0.2", "seed 0"]]
