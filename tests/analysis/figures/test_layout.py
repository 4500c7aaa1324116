"""Every kind of figure: it fits on a page, and nothing in it is cut or written over."""

from itertools import pairwise

import numpy as np
import pytest

from replearn.analysis.figures import (
    add_caption,
    caption_line,
    heatmap_panel,
    hinton,
    hinton_panel,
    image_grid,
    latent_distributions,
    metric_curves,
    reconstructions,
    similarity_heatmap,
    traversals,
)

NOISE = np.random.default_rng(0).random((10, 30, 30))
IMAGES = np.random.default_rng(1).random((10, 9, 1, 16, 16))
GROUPS = [("encoder", 15), ("decoder", 15)]
# One of each, with as many and as long labels as a study has.
EXAMPLES = {
    "reconstructions": lambda study: reconstructions(
        {"train": (IMAGES[0], IMAGES[1]), "held-out": (IMAGES[2], IMAGES[3])}
    ),
    "traversals": lambda study: traversals(IMAGES, np.linspace(-2, 2, 9), range(10)),
    "grid": lambda study: image_grid(IMAGES[:4], list("abcd"), list("123456789"), "noise"),
    "latents": lambda study: latent_distributions(NOISE.reshape(-1, 50), NOISE.reshape(-1, 50) - 3),
    "hinton": lambda study: hinton(
        NOISE[0, :10, :5], study.factors, dead=np.arange(10) > 6, title="β = 8"
    ),
    "hintons": lambda study: hinton_panel(
        NOISE[:7, :10, :5], [f"seed {i}" for i in range(7)], study.factors
    ),
    "heat": lambda study: similarity_heatmap(
        NOISE[0], study.layers, measure="CKA (linear)", row_groups=GROUPS, column_groups=GROUPS,
        title="trained", row_title="β = 1", column_title="β = 8",
    ),
    "heats": lambda study: heatmap_panel(
        NOISE[:3, :15, :15] - 0.5, ["trained", "step 0", "difference"], study.layers[15:]
    ),
    "curves": lambda study: metric_curves(
        {f"β = {i}": (np.arange(0, 1500, 50), NOISE[i, :3]) for i in range(9)}, "val.loss", "nats"
    ),
}  # fmt: skip


def tick_labels(axis):
    """Return the labels of an axis that are drawn: ticks may lie outside of its view."""
    low, high = sorted(axis.get_view_interval())
    ticks = [tick for tick in axis.get_major_ticks() if tick.label1.get_visible()]
    return [tick.label1 for tick in ticks if low <= tick.get_loc() <= high]


@pytest.mark.parametrize("name", EXAMPLES)
def test_nothing_is_cut_or_written_over(name, study, texts):
    figure = EXAMPLES[name](study)
    add_caption(figure, caption_line(range(6), "images drawn from a closed form: a twin " * 2))
    width, height = figure.get_size_inches()
    assert 1 < width < 6.5 and 1 < height < 9, "fits on a page"
    figure.draw_without_rendering()
    drawn = texts(figure)
    for axes in figure.axes:
        for along, axis in enumerate((axes.xaxis, axes.yaxis)):
            shown = [label for label in tick_labels(axis) if label.get_text()]
            drawn = [t for t in drawn if t not in axis.get_ticklabels() or t in shown]
            spans = sorted(
                tuple(label.get_window_extent().get_points()[:, along]) for label in shown
            )
            assert all(end <= start + 0.5 for (_, end), (start, _) in pairwise(spans))
    assert len(drawn) > 4
    for text in drawn:
        box = text.get_window_extent()
        assert box.x0 >= -1 and box.x1 <= figure.bbox.width + 1, text.get_text()
        assert box.y0 >= -1 and box.y1 <= figure.bbox.height + 1, text.get_text()
