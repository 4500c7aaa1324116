"""A run with excluded combinations, from the command line: what it measures and leaves behind."""

import io
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from experiments import unsupervised
from replearn.runs.commandline import run_commandline
from replearn.runs.query import find_runs
from replearn.runs.rebuild import network_of
from replearn.study import inspection


@pytest.mark.slow
def test_a_run_with_excluded_combinations_says_how_it_generalises(database, tmp_path, monkeypatch):
    monkeypatch.setenv("REPLEARN_HOME", str(tmp_path))
    words = [
        "dataset.circles", "dataset.n=2000", "dataset.condition=r2r", "dataset.variant=midpos",
        "model.burgess", "fast", "training.n_validation=160", "training.steps=4",
        "training.batch_size=16", "progress=False",
    ]  # fmt: skip
    assert run_commandline(unsupervised.ex, ["X", "with", *words]) == 0
    run = find_runs({}, database).one()
    for name in ("nll_above_entropy", "ssim", "probe_r2", "latent_distance", "least_error"):
        for prefix, split in (("", "val"), ("test_", "test")):
            value = run.result[f"{prefix}{name}"]
            steps, values = run.metric(f"{split}.{name}")
            assert (steps.tolist(), values.tolist()) == ([4], [pytest.approx(value)])
        assert f"matched_{name}" in run.result
    arrays = run.load("generalisation.npz")
    assert [arrays["factor_names"][k] for k in arrays["named"]] == ["x", "y"]
    place = 0.1 + 0.8 * arrays["test_factors"] / 63  # the grid of Spriteworld's twin
    assert ((place >= 0.35) & (place <= 0.65)).all()
    other = 0.1 + 0.8 * arrays["held_out_factors"] / 63
    assert not ((other >= 0.35) & (other <= 0.65)).all(axis=1).any()
    # The likelihood of grey pixels: what is left of it above the least is of the picture.
    floor = arrays["test_nll"] - arrays["test_nll_above_entropy"]
    assert (floor > 0).all() and np.ptp(floor) < 0.5 * floor.mean()
    picture = Image.open(io.BytesIO(run.read("excluded_combinations.png")))
    assert np.asarray(picture.convert("RGB")).std() > 10
    assert run.read("excluded_combinations.pdf").startswith(b"%PDF")
    check_drawn_again(run)


def check_drawn_again(run):
    """An analysis draws the same picture, of the last weights whichever it looks at."""
    figures, data = {}, run.dataset()
    kept = SimpleNamespace(figure=lambda name, figure, *text: figures.update({name: figure}))
    inspection.draw_recombination(kept, run, network_of(run), data, 3)  # type: ignore[arg-type]
    assert set(figures) == {"excluded_combinations", "expected_latents"}
    (rows,) = [axes for axes in figures["excluded_combinations"].axes if axes.get_images()]
    names = [label.get_text() for label in rows.get_yticklabels()]
    assert names == ["image", "reconstruction", "from expected latent", "from best latent"]
    arrays, mosaic = run.load("generalisation.npz"), np.asarray(rows.get_images()[0].get_array())
    first = arrays["test_sought"][0]
    image = data.batch(arrays["test_positions"][[first]])
    with torch.no_grad():
        made = run.model()(image).x_mean
    size, step = 64, 64 + 3  # a gap of a twenty-fourth stands between pictures
    for top, picture in ((0, image), (step, made)):
        shown = mosaic[top : top + size, :size, : picture.shape[1]] / 255
        np.testing.assert_allclose(shown, picture[0].permute(1, 2, 0), atol=0.51 / 255 + 1e-4)
