"""Captions and files of figures: runs in ranges, wrapped below, saved alike everywhere."""

import os
import subprocess
import sys

import matplotlib
import numpy as np
import pytest

from replearn.analysis.figures import add_caption, caption_line, hinton, save_figure
from replearn.analysis.figures.style import new_figure, wrap
from replearn.errors import InputError


def test_caption_line_names_runs_in_ranges():
    assert caption_line([3, 1, 2, 7, 8], "a\ntwin", analysis=9) == (
        "runs 1-3, 7, 8 · analysis 9 · a twin"
    )
    assert caption_line([4]) == "run 4"
    assert caption_line() == ""


def test_caption_is_wrapped_below_a_figure_that_keeps_its_drawing(artists):
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


def test_no_break_spaces_hold_words_together():
    text = new_figure().text(0, 0, "", size=7)
    text.set_text("beta_vae (n")
    width = text.get_window_extent().width
    assert wrap(text, "beta_vae (n = 30)", width) == ["beta_vae (n", "= 30)"]
    together = "(n\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}30)"
    assert wrap(text, f"beta_vae {together}", width) == ["beta_vae", together]
