"""Figures, read through their artists: sizes, colours, labels and captions are what they say."""

import os
import resource
import subprocess
import sys
from itertools import pairwise

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.text import Text

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
    save_figure,
    similarity_heatmap,
    traversals,
)
from replearn.analysis.files import write_whole
from replearn.errors import InputError

NAN = float("nan")
FACTORS = ["shape", "scale", "orientation", "posX", "posY"]
LAYERS = [f"encoder.convolutions.{i}.activation" for i in range(15)] + [
    f"decoder.{i}" for i in range(15)
]


def artists(figure, gid):
    return figure.findobj(lambda artist: artist.get_gid() == gid)


def texts(figure):
    return [text for text in figure.findobj(Text) if text.get_text() and text.get_visible()]


def labels(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


def pictures(*values, size=8):
    """Return one picture of one grey value for each of `values`."""
    return np.broadcast_to(np.array(values)[:, None, None, None], (len(values), 1, size, size))


NOISE = np.random.default_rng(0).random((10, 30, 30))
IMAGES = np.random.default_rng(1).random((10, 9, 1, 16, 16))
GROUPS = [("encoder", 15), ("decoder", 15)]
# One of each, with as many and as long labels as a study has.
EXAMPLES = {
    "reconstructions": lambda: reconstructions(
        {"train": (IMAGES[0], IMAGES[1]), "held-out": (IMAGES[2], IMAGES[3])}
    ),
    "traversals": lambda: traversals(IMAGES, np.linspace(-2, 2, 9), range(10)),
    "grid": lambda: image_grid(IMAGES[:4], list("abcd"), list("123456789"), "noise"),
    "latents": lambda: latent_distributions(NOISE.reshape(-1, 50), NOISE.reshape(-1, 50) - 3),
    "hinton": lambda: hinton(NOISE[0, :10, :5], FACTORS, dead=np.arange(10) > 6, title="β = 8"),
    "hintons": lambda: hinton_panel(NOISE[:7, :10, :5], [f"seed {i}" for i in range(7)], FACTORS),
    "heat": lambda: similarity_heatmap(
        NOISE[0], LAYERS, measure="CKA (linear)", row_groups=GROUPS, column_groups=GROUPS,
        title="trained", row_title="β = 1", column_title="β = 8",
    ),
    "heats": lambda: heatmap_panel(
        NOISE[:3, :15, :15] - 0.5, ["trained", "step 0", "difference"], LAYERS[15:]
    ),
    "curves": lambda: metric_curves(
        {f"β = {i}": (np.arange(0, 1500, 50), NOISE[i, :3]) for i in range(9)}, "val.loss", "nats"
    ),
}  # fmt: skip


def tick_labels(axis):
    """Return the labels of an axis that are drawn: ticks may lie outside of its view."""
    low, high = sorted(axis.get_view_interval())
    ticks = [tick for tick in axis.get_major_ticks() if tick.label1.get_visible()]
    return [tick.label1 for tick in ticks if low <= tick.get_loc() <= high]


@pytest.mark.parametrize("name", EXAMPLES)
def test_nothing_is_cut_or_written_over(name):
    figure = EXAMPLES[name]()
    add_caption(figure, caption_line(range(6), "images drawn from a closed form: a twin " * 2))
    width, height = figure.get_size_inches()
    assert 1 < width < 6.5 and 1 < height < 9, "fits on a page"
    figure.draw_without_rendering()
    drawn = [text for text in figure.findobj(Text) if text.get_text() and text.get_visible()]
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


# Captions and files


def test_caption_line_names_runs_in_ranges():
    assert caption_line([3, 1, 2, 7, 8], "a\ntwin", analysis=9) == (
        "runs 1-3, 7, 8 · analysis 9 · a twin"
    )
    assert caption_line([4]) == "run 4"
    assert caption_line() == ""


def test_caption_is_wrapped_below_a_figure_that_keeps_its_drawing():
    figure = hinton(np.eye(3), ["a", "b", "c"])
    width, height = figure.get_size_inches()
    drawing = figure.axes[0].get_window_extent().size
    words = "run 12 · images of $dSprites$ are drawn: a twin, not the published file"
    add_caption(figure, words)
    (caption,) = artists(figure, "caption")
    assert caption.get_text().split() == words.split()
    assert "\n" in caption.get_text()
    assert figure.get_size_inches()[0] == width
    assert figure.axes[0].get_window_extent().size == pytest.approx(drawing)
    figure.draw_without_rendering()
    lowest = min(label.get_window_extent().y0 for label in figure.axes[0].get_xticklabels())
    assert caption.get_window_extent().y1 < lowest

    add_caption(figure, "short")
    assert [text.get_text() for text in artists(figure, "caption")] == ["short"]
    add_caption(figure, "")
    assert artists(figure, "caption") == []
    assert figure.get_size_inches() == pytest.approx((width, height))


def test_a_figure_is_saved_as_a_pair_with_its_caption(tmp_path):
    figure = hinton(np.eye(3), ["a_%", "$b$", "β"])
    paths = save_figure(figure, tmp_path / "new", "importance-1", "run 3")
    assert [path.name for path in paths] == ["importance-1.pdf", "importance-1.png"]
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [p.name for p in paths]
    pdf, png = (path.read_bytes() for path in paths)
    assert pdf.startswith(b"%PDF") and png.startswith(b"\x89PNG")
    assert b"/Subtype /Type0" in pdf and b"/FontFile2" in pdf, "TrueType, embedded"
    assert b"/Type3" not in pdf and b"CreationDate" not in pdf
    # 200 dots per inch.
    pixels = int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")
    assert pixels == pytest.approx(200 * figure.get_size_inches(), abs=1)


@pytest.mark.parametrize("name", ["Upper", "a/b", "", "../a", "a b", "-a"])
def test_a_name_that_omniboard_cannot_preview_is_refused(tmp_path, name):
    with pytest.raises(InputError, match="lower-case letters, digits"):
        save_figure(hinton(np.eye(2), ["a", "b"]), tmp_path, name)
    assert list(tmp_path.iterdir()) == []


DRAW = """
import sys
import numpy as np
from replearn.analysis.figures import metric_curves, save_figure, similarity_heatmap
layers = ["encoder.1", "z₀", "β"]
figure = similarity_heatmap(np.eye(3), layers, measure="CKA", row_groups=[("a", 1), ("b", 2)])
save_figure(figure, sys.argv[1], "heat", "run 1")
save_figure(metric_curves({"β": ([0, 1], [[1, 2], [2, 3], [3, 5]])}, "m"), sys.argv[1], "curves")
assert "matplotlib.pyplot" not in sys.modules, "pyplot keeps every figure alive"
"""


@pytest.mark.slow
def test_files_depend_on_the_figure_alone(tmp_path):
    (tmp_path / "matplotlibrc").write_text("font.size: 20\nimage.cmap: jet\npdf.fonttype: 3\n")
    for seed, rc in (("1", ""), ("2", str(tmp_path / "matplotlibrc"))):
        environment = {
            **os.environ,
            "PYTHONHASHSEED": seed,
            "PYTHONPATH": os.pathsep.join(sys.path),
        }
        if rc:
            environment["MATPLOTLIBRC"] = rc
        subprocess.run(
            [sys.executable, "-c", DRAW, str(tmp_path / seed)], env=environment, check=True
        )
    for name in ("heat.pdf", "heat.png", "curves.pdf", "curves.png"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes(), name


def test_drawing_and_saving_leave_the_global_settings_as_they_were(tmp_path):
    before = dict(matplotlib.rcParams)
    save_figure(hinton(np.eye(2), ["a", "b"]), tmp_path, "a", "run 1")
    assert dict(matplotlib.rcParams) == before


def test_a_full_disk_leaves_the_old_file_and_no_other(tmp_path):
    path = write_whole(tmp_path / "a.txt", "old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            write_whole(path, b"x" * 2000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


# Images


def mosaic(figure):
    return np.asarray(figure.axes[0].get_images()[0].get_array())


def greys(figure, size=8):
    """Return the grey values of the pictures, row by row, from the middle of each."""
    axes, image = figure.axes[0], mosaic(figure)
    rows = sorted(int(tick) for tick in axes.get_yticks())
    return [image[row, size // 2 :: size + 1, 0].tolist() for row in rows]


def test_reconstructions_stand_below_their_inputs_in_named_blocks():
    blocks = {
        "train": (pictures(0.0, 0.2), pictures(0.4, 0.6)),
        "held-out": (pictures(0.8, 1.0), pictures(1.2, -3.0)),
    }
    figure = reconstructions(blocks)
    # 255 times the value, clipped to [0, 1].
    assert greys(figure) == [[0, 51], [102, 153], [204, 255], [255, 0]]
    assert labels(figure.axes[0].yaxis) == ["input", "reconstruction"] * 2
    shown = [text.get_text() for text in texts(figure)]
    assert shown.index("train") < shown.index("held-out")


def test_traversals_are_sorted_by_kl_and_say_it():
    images = np.stack([pictures(*[d / 10] * 3) for d in range(4)])
    figure = traversals(images, [-2.0, 0.0, 2.0], kl=[0.5, 0.001, 2.25, NAN])
    axes = figure.axes[0]
    assert greys(figure) == [[51] * 3, [0] * 3, [round(25.5)] * 3, [round(76.5)] * 3]
    assert [label.split() for label in labels(axes.yaxis)] == [
        ["z₂", "2.25"], ["z₀", "0.50"], ["z₁", "0.00"], ["z₃", "nan"],
    ]  # fmt: skip
    assert labels(axes.xaxis) == ["−2.0", "0", "+2.0"]
    colours = [to_hex(label.get_color()) for label in axes.get_yticklabels()]
    assert colours[0] == colours[1] != colours[2] == colours[3], "unused latents are grey"


def test_traversals_without_kl_keep_their_order():
    images = np.stack([pictures(d / 5, d / 5) for d in range(3)])
    figure = traversals(images, [-1, 1], labels=["a", "b", "c"])
    assert greys(figure) == [[0, 0], [51, 51], [102, 102]]
    assert labels(figure.axes[0].yaxis) == ["a", "b", "c"]


def test_grid_keeps_bytes_and_colours_and_rows_of_different_length():
    rng = np.random.default_rng(0)
    colour = rng.integers(0, 256, (3, 3, 8, 8), dtype=np.uint8)
    image = mosaic(image_grid([colour, colour[:1]]))
    assert (image[:8, :8] == colour[0].transpose(1, 2, 0)).all()
    assert (image[:8, 18:26] == colour[2].transpose(1, 2, 0)).all()
    assert (image[9:, 9:] == 255).all(), "what a shorter row lacks is white"


@pytest.mark.parametrize(
    ("draw", "sentence"),
    [
        (lambda: image_grid(np.zeros((2, 3, 8, 8))), r"shape \(K, C, H, W\) with 1 or 3 channels"),
        (lambda: image_grid([]), "at least one row"),
        (lambda: image_grid(np.full((1, 2, 1, 8, 8), NAN)), "NaN or infinite"),
        (lambda: image_grid([pictures(0), pictures(0, size=4)]), "images of one size"),
        (lambda: image_grid([pictures(0)], ["a", "b"]), "1 rows of images need as many labels"),
        (lambda: reconstructions({"train": (pictures(0), pictures(0, 1))}), "they must be equal"),
        (lambda: traversals(np.zeros((2, 3, 1, 8, 8)), [1, 2]), r"\(2, 3, 1, 8, 8\) and \(2,\)"),
        (lambda: traversals(np.zeros((2, 1, 1, 8, 8)), [1], [1, 2, 3]), "2 latents need as many"),
    ],
)
def test_bad_images_are_refused(draw, sentence):
    with pytest.raises(InputError, match=sentence):
        draw()


# Hinton diagrams


def squares(axes):
    return {
        tuple(map(int, patch.get_gid().split(","))): patch
        for patch in axes.patches
        if "," in (patch.get_gid() or "")
    }


def test_areas_of_hinton_squares_are_proportional_to_importance():
    importance = np.random.default_rng(0).normal(size=(10, 5))
    found = squares(hinton(importance, FACTORS).axes[0])
    area = np.array([[found[d, k].get_width() * found[d, k].get_height() for k in range(5)]
                     for d in range(10)])  # fmt: skip
    assert area / area.max() == pytest.approx(np.abs(importance) / np.abs(importance).max())
    assert 0.7 < area.max() < 1, "the largest nearly fills its cell"
    for (d, k), square in found.items():
        assert square.get_width() == square.get_height()
        assert square.get_center() == pytest.approx((k, d))
        assert (to_hex(square.get_facecolor()) == "#ffffff") == (importance[d, k] < 0)


def test_cells_of_a_hinton_diagram_are_square_and_named():
    figure = hinton(np.ones((4, 2)), ["a_b", "$c"], title="t")
    axes = figure.axes[0]
    box = axes.get_window_extent()
    assert box.width / 2 == pytest.approx(box.height / 4)
    assert (labels(axes.xaxis), labels(axes.yaxis)) == (["a_b", "$c"], ["z₀", "z₁", "z₂", "z₃"])
    assert axes.get_title() == "t"
    assert axes.yaxis.get_inverted()


def test_dead_latents_have_a_pale_row():
    figure = hinton(np.ones((3, 2)), ["a", "b"], dead=[False, True, False])
    (row,) = artists(figure, "dead")
    assert (row.get_y(), row.get_height()) == (0.5, 1.0)
    assert "dead latent" in artists(figure, "scale")[0].get_text()
    assert "dead" not in artists(hinton(np.ones((3, 2)), ["a", "b"]), "scale")[0].get_text()


def test_a_panel_of_hinton_diagrams_has_one_scale_and_hangs_from_the_top():
    small, large = np.full((2, 2), 0.25), np.full((4, 2), 1.0)
    figure = hinton_panel([small, large, small], ["s", "l", "t"], ["a", "b"])
    first, second, third = figure.axes
    ratio = squares(first)[0, 0].get_width() / squares(second)[0, 0].get_width()
    assert ratio == pytest.approx(0.5)
    assert first.get_window_extent().y1 == pytest.approx(second.get_window_extent().y1)
    assert [axes.get_title() for axes in figure.axes] == ["s", "l", "t"]
    assert "1" in artists(figure, "scale")[0].get_text()


def test_six_models_stand_in_two_lines_of_three():
    figure = hinton_panel(np.ones((6, 10, 5)), list("abcdef"), FACTORS)
    tops = [round(axes.get_window_extent().y1) for axes in figure.axes]
    assert tops[0] == tops[1] == tops[2] > tops[3] == tops[4] == tops[5]


def test_importance_of_nothing_is_drawn_without_squares():
    assert {s.get_width() for s in squares(hinton(np.zeros((2, 2)), "ab").axes[0]).values()} == {0}


@pytest.mark.parametrize(
    ("draw", "sentence"),
    [
        (lambda: hinton(np.ones((3, 2)), ["a"]), "1 named factors, not"),
        (lambda: hinton([[NAN]], ["a"]), "NaN or infinite"),
        (lambda: hinton(np.ones((3, 1)), ["a"], ["x"]), "3 latents need as many labels"),
        (lambda: hinton(np.ones((3, 1)), ["a"], dead=[True]), "entries of the dead mask"),
        (lambda: hinton([[2.0]], ["a"], largest=1), "largest importance is 2, above the scale's 1"),
        (lambda: hinton_panel([], [], ["a"]), "0 matrices need as many titles"),
        (lambda: hinton_panel([[[1.0]]], ["a", "b"], ["a"]), "1 matrices need as many titles"),
    ],
)
def test_bad_importance_is_refused(draw, sentence):
    with pytest.raises(InputError, match=sentence):
        draw()


# Heat maps


def mesh(axes):
    return axes.collections[0]


def test_a_heat_map_shows_its_matrix_with_names_and_range():
    matrix = np.array([[1.0, 0.25, 0.5], [0.0, 0.75, NAN]])
    figure = similarity_heatmap(matrix, ["a_1", "b"], ["x", "$y", "z"], measure="CKA (linear)")
    axes, bar = figure.axes
    shown = mesh(axes).get_array()
    assert np.ma.getmaskarray(shown).tolist() == np.isnan(matrix).tolist()
    assert shown.compressed().tolist() == [1.0, 0.25, 0.5, 0.0, 0.75]
    assert mesh(axes).get_clim() == (0, 1)
    assert mesh(axes).get_cmap().name == "viridis"
    assert (labels(axes.yaxis), labels(axes.xaxis)) == (["a_1", "b"], ["x", "$y", "z"])
    assert axes.yaxis.get_inverted(), "the first row is at the top"
    assert bar.get_ylabel() == "CKA (linear)"
    assert any("no value" in text.get_text() for text in texts(figure))
    box = axes.get_window_extent()
    assert box.width / 3 == pytest.approx(box.height / 2), "cells are square"


def test_values_stand_in_large_cells_in_a_readable_colour():
    figure = similarity_heatmap([[0.0, 1.0], [0.5, NAN]], ["a", "b"])
    values = {text.get_text(): to_hex(text.get_color()) for text in artists(figure, "value")}
    # viridis runs from dark violet to light yellow.
    assert set(values) == {"0.00", "1.00", "0.50"}
    assert values["0.00"] == "#ffffff" != values["1.00"]
    assert artists(similarity_heatmap(np.eye(30), LAYERS), "value") == []
    assert len(artists(similarity_heatmap(np.eye(30), LAYERS, annotate=True), "value")) == 900


def test_colours_of_signed_values_diverge_from_a_pale_zero():
    figure = similarity_heatmap([[-0.5, 0.0], [0.25, 0.5]], ["a", "b"])
    colours = mesh(figure.axes[0])
    assert colours.get_clim() == (-0.5, 0.5)
    assert min(colours.to_rgba(0.0)[:3]) > 0.9
    orange, purple = colours.to_rgba(-0.5), colours.to_rgba(0.5)
    assert orange[0] > orange[2] and purple[2] > purple[0]


def test_a_range_that_is_not_symmetric_keeps_its_zero_pale_and_its_scale_even():
    figure = similarity_heatmap(np.eye(2), ["a", "b"], limits=(-0.25, 1.0))
    colours = mesh(figure.axes[0])
    assert colours.get_clim() == (-0.25, 1.0)
    assert min(colours.to_rgba(0.0)[:3]) > 0.9
    even = similarity_heatmap(np.eye(2), ["a", "b"], limits=(-1.0, 1.0)).axes[0]
    for value in (-0.2, 0.3, 0.9):
        assert colours.to_rgba(value) == pytest.approx(mesh(even).to_rgba(value), abs=0.03)


@pytest.mark.parametrize(
    ("low", "high", "extend"),
    [(0, 1, "neither"), (-0.1, 1, "min"), (0, 1.1, "max"), (-0.1, 1.1, "both")],
)
def test_values_outside_of_the_range_show_at_the_colour_bar(low, high, extend):
    figure = similarity_heatmap([[low, high]], ["a"], ["x", "y"], limits=(0, 1))
    assert figure.axes[1]._colorbar.extend == extend


def test_groups_are_separated_and_named():
    groups = [("encoder", 2), ("decoder", 3)]
    figure = similarity_heatmap(np.eye(5), list("abcde"), row_groups=groups, column_groups=groups)
    lines = artists(figure, "separator")
    assert [line.get_xdata()[0] for line in lines[:1]] == [2]
    assert [line.get_ydata()[0] for line in lines[1:]] == [2]
    names = [text.get_text() for text in texts(figure)]
    assert names.count("encoder") == names.count("decoder") == 2


def test_a_panel_of_heat_maps_shares_one_scale_and_one_colour_bar():
    matrices = [np.full((15, 15), 0.5), np.full((15, 15), 3.0)]
    figure = heatmap_panel(matrices, ["trained", "step 0"], LAYERS[:15], measure="m")
    first, second, bar = figure.axes
    assert mesh(first).get_clim() == mesh(second).get_clim() == (0, 3)
    assert [first.get_title(), second.get_title(), bar.get_ylabel()] == ["trained", "step 0", "m"]
    assert mesh(first).to_rgba(3.0) == mesh(second).to_rgba(3.0)
    assert second.get_tightbbox().x0 > first.get_window_extent().x1, "row names stand once"


def test_names_that_differ_only_in_their_middle_are_never_shortened_to_one():
    long = [f"encoder.convolution.{i}.with.a.very.long.name" for i in range(3)]
    axes = similarity_heatmap(np.eye(3), long).axes[0]
    assert labels(axes.yaxis) == long
    shown = labels(similarity_heatmap(np.eye(30), LAYERS).axes[0].yaxis)
    assert len(set(shown)) == 30
    assert max(map(len, shown)) == 30
    assert shown[10].startswith("encoder.c…") and shown[10].endswith(".10.activation")


@pytest.mark.parametrize(
    ("draw", "sentence"),
    [
        (lambda: similarity_heatmap(np.eye(2), ["a"]), r"that shape, not \(2, 2\)"),
        (lambda: similarity_heatmap([[NAN]], ["a"]), "at least one finite value"),
        (lambda: similarity_heatmap([[1]], ["a"], limits=(1, 0)), "from low to high, not 1 to 0"),
        (
            lambda: similarity_heatmap(np.eye(2), ["a", "b"], row_groups=[("g", 1)]),
            "groups of 1 entries do not cover the 2",
        ),
        (lambda: heatmap_panel([], [], ["a"]), "0 matrices need as many titles"),
    ],
)
def test_bad_matrices_are_refused(draw, sentence):
    with pytest.raises(InputError, match=sentence):
        draw()


# Curves


def test_a_curve_of_seeds_is_their_mean_in_its_band():
    # Means 2 and 4; s = 1 and 2; half widths 2.4841 s, as 4.30265 / sqrt(3).
    figure = metric_curves({"β = 8": ([0, 10], [[1, 2], [2, 4], [3, 6]])}, "val.loss", "nats")
    axes = figure.axes[0]
    (line,), (band,) = artists(figure, "mean"), artists(figure, "band")
    assert line.get_xdata().tolist() == [0, 10]
    assert line.get_ydata().tolist() == [2, 4]
    corners = {tuple(np.round(point, 3)) for point in band.get_paths()[0].vertices}
    assert corners == {(0, -0.484), (0, 4.484), (10, -0.968), (10, 8.968)}
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("optimiser step", "val.loss (nats)")
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["β = 8 (n = 3)"]


def test_below_three_seeds_there_are_the_seeds_and_no_band():
    figure = metric_curves({"two": ([0, 1], [[1, 2], [3, 4]]), "one": ([0, 1], [5, 6])}, "m")
    assert artists(figure, "band") == []
    assert [line.get_ydata().tolist() for line in artists(figure, "seed")] == [[1, 2], [3, 4]]
    assert [line.get_ydata().tolist() for line in artists(figure, "mean")] == [[2, 3], [5, 6]]


def test_what_is_not_finite_is_a_gap():
    figure = metric_curves({"a": ([0, 1, 2], [1.0, np.inf, 3.0])}, "m")
    (line,) = artists(figure, "mean")
    assert np.isnan(line.get_ydata()).tolist() == [False, True, False]


def test_curves_of_equal_colour_differ_in_their_dashes():
    figure = metric_curves({str(i): ([0, 1], [i, i]) for i in range(20)}, "m")
    looks = {(line.get_color(), line.get_linestyle()) for line in artists(figure, "mean")}
    assert len(looks) == 20


def test_a_logarithmic_axis_ends_with_the_lines_not_with_the_band():
    values = [[1.0, 10.0], [1.0, 10.0], [1.0, 1000.0]]
    axes = metric_curves({"a": ([0, 1], values)}, "m", log_values=True, log_steps=True).axes[0]
    assert axes.get_ylim()[0] == pytest.approx(0.7)
    assert axes.get_yscale() == "log"


def test_bad_curves_are_refused():
    with pytest.raises(InputError, match="at least one curve"):
        metric_curves({}, "m")
    with pytest.raises(InputError, match=r"'a' has steps \(2,\) and values \(1, 3\)"):
        metric_curves({"a": ([0, 1], [1, 2, 3])}, "m")


# Latents


def bodies(axes, count):
    return [axes.findobj(lambda a, d=d: a.get_gid() == f"latent {d}")[0] for d in range(count)]


def test_latents_are_sorted_by_kl_beside_the_prior():
    rng = np.random.default_rng(0)
    # One latent of each kind: like the prior for every image; used; used less.
    mean = np.stack([np.zeros(500), rng.normal(size=500), 0.5 * rng.normal(size=500)], axis=1)
    logvar = np.log(np.tile([1.0, 0.01, 0.5], (500, 1)))
    figure = latent_distributions(mean, logvar)
    means, variances, kl = figure.axes
    assert labels(kl.xaxis) == ["prior", "z₁", "z₂", "z₀"]
    heights = [patch.get_height() for patch in kl.patches]
    # KL of N(m, v): (m² + v - 1 - ln v) / 2.
    expected = 0.5 * (mean**2 + np.exp(logvar) - 1 - logvar).mean(axis=0)
    assert heights == pytest.approx(expected[[1, 2, 0]])
    for body, d in zip(bodies(means, 3), [1, 2, 0], strict=True):
        box = body.get_paths()[0].get_extents()
        assert box.y0 <= mean[:, d].min() + 0.2 and box.y1 >= mean[:, d].max() - 0.2
        assert box.width == pytest.approx(0.84)
    assert variances.get_yscale() == "log"
    for body, variance in zip(bodies(variances, 3), [0.01, 0.5, 1.0], strict=True):
        # The widest steps of the mirrored histogram hold the only value.
        points = np.concatenate([path.vertices for path in body.get_paths()])
        widest = points[np.isclose(points[:, 0], points[:, 0].min()), 1]
        assert widest.min() <= variance <= widest.max() < 1.5 * widest.min()
    # The prior's density, exp(-z²/2) at one standard deviation against its mode.
    (prior,) = artists(means, "prior")
    points = prior.get_paths()[0].vertices
    left = points[points[:, 0] <= -1]
    order = np.argsort(left[:, 1])
    half = np.interp([0.0, 1.0], left[order, 1], -1 - left[order, 0])
    assert half[1] / half[0] == pytest.approx(np.exp(-0.5), abs=0.005)


def test_latents_of_no_spread_are_drawn():
    figure = latent_distributions(np.zeros((4, 2)), np.zeros((4, 2)), kl=[0.0, 1.0])
    assert labels(figure.axes[2].xaxis) == ["prior", "z₁", "z₀"]


def test_bad_latents_are_refused():
    with pytest.raises(InputError, match=r"not \(3, 2\) and \(3, 1\)"):
        latent_distributions(np.zeros((3, 2)), np.zeros((3, 1)))
    with pytest.raises(InputError, match="2 latents need as many KL values"):
        latent_distributions(np.zeros((3, 2)), np.zeros((3, 2)), kl=[1.0])
    with pytest.raises(InputError, match="the model diverged"):
        latent_distributions(np.full((3, 2), NAN), np.zeros((3, 2)), kl=[1.0, 2.0])
