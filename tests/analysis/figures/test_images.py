"""Figures of images: each picture at its place, as bytes, with its label."""

import numpy as np
import pytest
from matplotlib.colors import to_hex

from replearn.analysis.figures import image_grid, reconstructions, traversals
from replearn.errors import InputError


def pictures(*values, size=8):
    """Return one picture of one grey value for each of `values`."""
    return np.broadcast_to(np.array(values)[:, None, None, None], (len(values), 1, size, size))


def mosaic(figure):
    return np.asarray(figure.axes[0].get_images()[0].get_array())


def greys(figure, size=8):
    """Return the grey values of the pictures, row by row, from the middle of each."""
    axes, image = figure.axes[0], mosaic(figure)
    rows = sorted(int(tick) for tick in axes.get_yticks())
    return [image[row, size // 2 :: size + 1, 0].tolist() for row in rows]


def test_reconstructions_stand_below_their_inputs_in_named_blocks(texts, labels):
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


def test_blocks_have_as_many_rows_as_are_named_and_words_above_columns(texts, labels):
    block = (pictures(0.0, 0.2), pictures(0.4, 0.6), pictures(0.8, 1.0))
    figure = reconstructions(
        {"training": block, "excluded": block[::-1]},
        ("reference", "command", "model"),
        above={"training": ["shape", "x"], "excluded": ["y", "y"]},
    )
    rows = [[0, 51], [102, 153], [204, 255]]
    assert greys(figure) == rows + rows[::-1]
    assert labels(figure.axes[0].yaxis) == ["reference", "command", "model"] * 2
    words = [text for text in texts(figure) if text.get_text() in ("shape", "x", "y")]
    assert [text.get_text() for text in words] == ["shape", "x", "y", "y"]
    # Above its own column and block.
    assert words[0].xy[0] < words[1].xy[0] == words[3].xy[0]
    assert words[0].xy[1] == words[1].xy[1] < words[2].xy[1]


def test_traversals_are_sorted_by_kl_and_say_it(labels):
    images = np.stack([pictures(*[d / 10] * 3) for d in range(4)])
    figure = traversals(images, [-2.0, 0.0, 2.0], kl=[0.5, 0.001, 2.25, np.nan])
    axes = figure.axes[0]
    assert greys(figure) == [[51] * 3, [0] * 3, [round(25.5)] * 3, [round(76.5)] * 3]
    assert [label.split() for label in labels(axes.yaxis)] == [
        ["z₂", "2.25"], ["z₀", "0.50"], ["z₁", "0.00"], ["z₃", "nan"],
    ]  # fmt: skip
    assert labels(axes.xaxis) == ["−2.0", "0", "+2.0"]
    colours = [to_hex(label.get_color()) for label in axes.get_yticklabels()]
    assert colours[0] == colours[1] != colours[2] == colours[3], "unused latents are grey"


def test_traversals_without_kl_keep_their_order(labels):
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
        (lambda: image_grid(np.full((1, 2, 1, 8, 8), np.nan)), "NaN or infinite"),
        (lambda: image_grid([pictures(0), pictures(0, size=4)]), "images of one size"),
        (lambda: image_grid([pictures(0)], ["a", "b"]), "1 rows of images need as many labels"),
        (lambda: reconstructions({"train": (pictures(0), pictures(0, 1))}), "2 rows of one shape"),
        (lambda: reconstructions({"train": (pictures(0),)}), r"2 rows of one shape \(input, recon"),
        (lambda: traversals(np.zeros((2, 3, 1, 8, 8)), [1, 2]), r"\(2, 3, 1, 8, 8\) and \(2,\)"),
        (lambda: traversals(np.zeros((2, 1, 1, 8, 8)), [1], [1, 2, 3]), "2 latents need as many"),
    ],
)
def test_bad_images_are_refused(draw, sentence):
    with pytest.raises(InputError, match=sentence):
        draw()
