"""How every figure looks, is laid out in inches, captioned and saved."""

import re
from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from replearn.analysis.files import check_name, write_whole

# The text width of the usual paper templates, in inches.
TEXT_WIDTH = 5.5
PNG_DPI = 200
CAPTION = "caption"
INK = "0.15"
FAINT = "0.45"
_FEW_STEPS = 8
# Okabe & Ito (2008): eight colours that also colour-blind readers tell apart; yellow, too pale for
# a line on white, is left out.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")

_STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 7.0,
    "axes.titlesize": 7.5,
    "axes.labelsize": 7.0,
    "axes.linewidth": 0.6,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlepad": 4.0,
    "axes.labelpad": 3.0,
    "text.color": INK,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.minor.size": 1.5,
    "ytick.minor.size": 1.5,
    "legend.fontsize": 6.5,
    "legend.frameon": False,
    "lines.linewidth": 1.2,
    "hatch.linewidth": 0.4,
    "figure.dpi": 100,
    # Embedded TrueType: text of the PDF stays text, as journals ask.
    "pdf.fonttype": 42,
    "ps.fonttype": 42,
    "image.interpolation": "none",
}


def styled():
    """Return the context (also a decorator) in which figures are made and saved.

    It starts from matplotlib's own defaults, whatever the user's settings are, and leaves the
    global settings as they were.
    """
    return matplotlib.style.context(["default", _STYLE])


def new_figure() -> Figure:
    """Return an empty figure of one square inch without pyplot; `crop` gives it its size."""
    figure = Figure(figsize=(1.0, 1.0))
    FigureCanvasAgg(figure)
    return figure


def inch_axes(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Add axes at a place in inches, also outside of the figure as it is before `crop`."""
    across, up = figure.get_size_inches()
    return figure.add_axes((left / across, bottom / up, width / across, height / up))


def crop(figure: Figure, pad: float = 0.05) -> Figure:
    """Give the figure the size of its content plus `pad` inches; nothing in it is scaled."""
    box = figure.get_tightbbox()
    _resize(figure, pad - box.x0, pad - box.y0, box.width + 2 * pad, box.height + 2 * pad)
    return figure


def overhang(figure: Figure, axes: Axes) -> tuple[float, float, float, float]:
    """Return how far labels reach beyond the axes: left, bottom, right, top, in inches."""
    figure.draw_without_rendering()
    inner = axes.get_window_extent()
    outer = axes.get_tightbbox() or inner
    left, bottom = max(0.0, inner.x0 - outer.x0), max(0.0, inner.y0 - outer.y0)
    right, top = max(0.0, outer.x1 - inner.x1), max(0.0, outer.y1 - inner.y1)
    return left / figure.dpi, bottom / figure.dpi, right / figure.dpi, top / figure.dpi


def _resize(figure: Figure, right: float, up: float, width: float, height: float) -> None:
    """Change the size to `width`, `height`, with the axes moved `right` and `up`, in inches."""
    old_width, old_height = figure.get_size_inches()
    places = [axes.get_position(original=True).bounds for axes in figure.axes]
    figure.set_size_inches(width, height)
    for axes, (x, y, w, h) in zip(figure.axes, places, strict=True):
        axes.set_position(
            (
                (x * old_width + right) / width,
                (y * old_height + up) / height,
                w * old_width / width,
                h * old_height / height,
            )
        )


def caption_line(runs: Iterable[int] = (), note: str = "", **more: object) -> str:
    """Return the line under a figure: source runs, further facts, and the note of a twin.

    >>> caption_line([3, 1, 2, 7], "twin of dSprites", analysis=9)
    'runs 1-3, 7 · analysis 9 · twin of dSprites'
    """
    ids = sorted({int(run) for run in runs})
    parts = [f"run{'s' if len(ids) > 1 else ''} {_ranges(ids)}"] if ids else []
    parts += [f"{name.replace('_', ' ')} {value}" for name, value in more.items()]
    parts += [" ".join(note.split())] if note else []
    return " · ".join(parts)


def _ranges(ids: Sequence[int]) -> str:
    groups: list[list[int]] = []
    for i in ids:
        if groups and i == groups[-1][-1] + 1:
            groups[-1].append(i)
        else:
            groups.append([i])
    shown = [
        f"{group[0]}-{group[-1]}" if len(group) > 2 else ", ".join(map(str, group))
        for group in groups
    ]
    return ", ".join(shown)


@styled()
def add_caption(figure: Figure, caption: str) -> Figure:
    """Write `caption` small and grey below the figure, which grows for it; replaces an older one.

    The text is wrapped to the width of the figure, and never read as mathematics.
    """
    size, pad = 5.5, 0.05
    line_height = 1.35 * size / 72
    width, height = figure.get_size_inches()
    for text in [text for text in figure.texts if text.get_gid() == CAPTION]:
        old = line_height * (text.get_text().count("\n") + 1) + pad
        text.remove()
        _resize(figure, 0, -old, width, height - old)
        height -= old
    if not caption.strip():
        return figure
    text = figure.text(
        0, 0, "", size=size, color=FAINT, va="bottom", gid=CAPTION, parse_math=False,
        linespacing=1.35, in_layout=False,
    )  # fmt: skip
    text.set_text("\n".join(wrap(text, caption, (width - 2 * pad) * figure.dpi)))
    extra = line_height * (text.get_text().count("\n") + 1) + pad
    _resize(figure, 0, extra, width, height + extra)
    text.set_position((pad / width, pad / (height + extra)))
    return figure


def tick_steps(figure: Figure, axes: Axes, steps: Iterable[float]) -> None:
    """Name the steps at the x axis by plain numbers if they are few; else leave the ticks.

    The axis has its scale and limits already. Labels that would touch another are left out.
    """
    places = np.unique(np.fromiter(steps, float))
    if len(places) <= _FEW_STEPS:
        axes.set_xticks(places, [f"{place:,.15g}" for place in places])
        axes.set_xticks([], minor=True)
        thin(figure, axes)


def thin(figure: Figure, axes: Axes) -> None:
    """Leave out labels of the x axis that would touch another; the first and the last stay."""
    figure.draw_without_rendering()
    labels = [label for label in axes.get_xticklabels() if label.get_text()]
    boxes = [label.get_window_extent() for label in labels]
    gap = 0.03 * figure.dpi
    texts, end = [label.get_text() for label in labels], -np.inf
    for i, box in enumerate(boxes):
        last = i == len(boxes) - 1
        if box.x0 < end + gap or (not last and i and box.x1 + gap > boxes[-1].x0):
            texts[i] = ""
        else:
            end = box.x1
    axes.set_xticks(axes.get_xticks(), texts)


def wrap(text: Text, words: str, width: float) -> list[str]:
    """Break `words` where `text`, set to a line of them, would be wider than `width` dots.

    No-break spaces hold words together. A word that is wider than a line is broken after its
    marks, such as those of loss=annealed_vae.
    """

    def fits(line: str) -> bool:
        text.set_text(line)
        return text.get_window_extent().width <= width

    lines = [""]
    for word in re.split(r"[ \t\n]+", words.strip()):
        parts = [word] if fits(word) else re.findall(r"[^=_.,/]+[=_.,/]*|[=_.,/]+", word)
        for i, part in enumerate(parts):
            longer = (lines[-1] + part) if i else f"{lines[-1]} {part}".strip()
            if lines[-1] and not fits(longer):
                lines.append(part)
            else:
                lines[-1] = longer
    return lines


@styled()
def save_figure(
    figure: Figure, folder: str | Path, name: str, caption: str | None = None
) -> list[Path]:
    """Write `name`.pdf and `name`.png into `folder`, each whole or not at all.

    The files depend on the figure alone: no date, so that a repeated analysis gives equal bytes.

    Args:
        caption: a line below the figure, as `add_caption`; None leaves the figure as it is.

    Returns:
        The paths of the PDF and of the PNG.

    Raises:
        InputError: if the name is not flat and lower case.
    """
    check_name(name)
    if caption is not None:
        add_caption(figure, caption)
    formats: Mapping[str, dict[str, Any]] = {
        "pdf": {"metadata": {"CreationDate": None}},
        "png": {"metadata": {"Software": None}, "dpi": PNG_DPI},
    }
    paths = []
    for extension, options in formats.items():
        content = BytesIO()
        figure.savefig(content, format=extension, **options)
        paths.append(write_whole(Path(folder) / f"{name}.{extension}", content.getvalue()))
    return paths
