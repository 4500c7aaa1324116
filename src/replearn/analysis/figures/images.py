"""Pictures in rows: grids, reconstructions, latent traversals."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from replearn.analysis.figures.style import FAINT, TEXT_WIDTH, crop, inch_axes, new_figure, styled
from replearn.analysis.traversal import latent_order
from replearn.errors import InputError

# Below this KL (nats) a latent carries next to nothing about the image; its label is grey.
QUIET_KL = 0.01


@styled()
def image_grid(
    images: np.ndarray | Sequence[ArrayLike],
    row_labels: Sequence[str] | None = None,
    column_labels: Sequence[str] | None = None,
    title: str = "",
) -> Figure:
    """Return a figure of images in rows.

    Args:
        images: (R, K, C, H, W), or a sequence of R rows (K_r, C, H, W) whose lengths may differ;
            C is 1 or 3; uint8, or floats in [0, 1], which are clipped to it.
        row_labels: R texts at the left.
        column_labels: texts below, one per column.

    Raises:
        InputError: if the images have another shape, or contain NaN.
    """
    figure = new_figure()
    _draw_rows(figure, [_pictures(row) for row in images], row_labels, column_labels, title)
    return crop(figure)


@styled()
def reconstructions(
    blocks: Mapping[str, Sequence[ArrayLike]],
    row_labels: Sequence[str] = ("input", "reconstruction"),
    title: str = "",
    above: Mapping[str, Sequence[str]] | None = None,
) -> Figure:
    """Return a figure with a block of rows per entry, such as inputs above their reconstructions.

    Args:
        blocks: name ("train", "held-out") -> as many rows as there are labels, such as inputs and
            outputs, each (K, C, H, W) in [0, 1].
        above: name -> K words, one above each column of the block.

    Raises:
        InputError: if the rows of a block are not of one shape.
    """
    rows, labels, starts = [], [], []
    for name, block in blocks.items():
        own = [_pictures(row) for row in block]
        if len({row.shape for row in own}) > 1 or len(own) != len(row_labels):
            raise InputError(
                f"{name!r} needs {len(row_labels)} rows of one shape ({', '.join(row_labels)}), "
                f"got {', '.join(str(np.shape(row)) for row in block)}."
            )
        starts.append(len(rows))
        rows += own
        labels += row_labels
    figure = new_figure()
    wider = 3 if above is None else 7
    axes, centres, cell = _draw_rows(figure, rows, labels, None, title, starts[1:], wider)
    for start, name in zip(starts, blocks, strict=True):
        top, bottom = centres[start] - cell / 2, centres[start + len(row_labels) - 1] + cell / 2
        for k, word in enumerate((above or {}).get(name, ())):
            step = rows[0].shape[2] + gap_of(rows[0].shape[2])
            axes.annotate(
                word, (k * step + (rows[0].shape[2] - 1) / 2, top), xytext=(0, 1), ha="center",
                va="bottom", textcoords="offset points", size=5, annotation_clip=False,
            )  # fmt: skip
        axes.annotate(
            name, (1, (top + bottom) / 2), xycoords=("axes fraction", "data"), xytext=(4, 0),
            textcoords="offset points", rotation=-90, va="center", ha="left", annotation_clip=False,
        )  # fmt: skip
    return crop(figure)


@styled()
def traversals(
    images: ArrayLike,
    values: ArrayLike,
    kl: ArrayLike | None = None,
    labels: Sequence[str] | None = None,
    title: str = "",
) -> Figure:
    """Return a figure with one latent a row, most used first, and its value along the columns.

    Args:
        images: (D, n, C, H, W) in [0, 1], as `replearn.analysis.traversal.traverse` gives them
            with all latents in their own order.
        values: (n,) of the moved latent, in standard deviations of the prior.
        kl: (D,) nats per latent: rows are sorted by it and show it; grey where nearly 0.
        labels: (D,) names of the latents, z₀, z₁ … by default.

    Raises:
        InputError: if the numbers of rows, columns, values and labels disagree.
    """
    shape, values = np.shape(images), np.asarray(values, dtype=float)
    if len(shape) != 5 or values.shape != shape[1:2]:
        raise InputError(
            f"traversals are images (latents, values, C, H, W) with their values, not of shapes "
            f"{shape} and {values.shape}."
        )
    names = latent_names(shape[0]) if labels is None else list(labels)
    strength = np.full(shape[0], np.nan) if kl is None else np.asarray(kl, dtype=float)
    if len(names) != shape[0] or strength.shape != shape[:1]:
        raise InputError(
            f"{shape[0]} latents need as many labels and KL values, not {len(names)} and "
            f"{strength.size}."
        )
    order = np.arange(shape[0]) if kl is None else latent_order(strength)
    if kl is not None:
        names = [f"{name}   {k:.2f}" for name, k in zip(names, strength, strict=True)]
    figure = new_figure()
    rows = [_pictures(np.asarray(images)[i]) for i in order]
    ends = [f"{value:+.1f}".replace("-", "\N{MINUS SIGN}") if value else "0" for value in values]
    axes, _, _ = _draw_rows(figure, rows, [names[i] for i in order], ends, title)
    axes.set_xlabel("value of the latent (standard deviations of the prior)")
    if kl is not None:
        axes.annotate(
            "KL (nats)", (0, 1), xycoords="axes fraction", xytext=(-3, 3), ha="right", va="bottom",
            textcoords="offset points", size=6, color=FAINT, annotation_clip=False,
        )  # fmt: skip
        for tick, i in zip(axes.yaxis.get_ticklabels(), order, strict=True):
            tick.set_color(FAINT if not strength[i] >= QUIET_KL else tick.get_color())
    return crop(figure)


def gap_of(wide: int) -> int:
    """Return how many pixels stand between pictures of this width."""
    return max(1, round(wide / 24))


def latent_names(count: int) -> list[str]:
    """Return z₀, z₁ … as plain Unicode text."""
    subscript = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
    return [f"z{i}".translate(subscript) for i in range(count)]


def _pictures(images: ArrayLike) -> np.ndarray:
    """Return (K, C, H, W) images as (K, H, W, 3) uint8."""
    images = np.asarray(images)
    if images.ndim != 4 or images.shape[1] not in (1, 3) or not images.size:
        raise InputError(
            f"a row of images has shape (K, C, H, W) with 1 or 3 channels, not {images.shape}."
        )
    if images.dtype != np.uint8:
        if not np.isfinite(images).all():
            raise InputError("the images contain NaN or infinite values: the model diverged.")
        images = np.rint(np.clip(images.astype(np.float32), 0, 1) * 255).astype(np.uint8)
    return np.repeat(images, 3 // images.shape[1], axis=1).transpose(0, 2, 3, 1)


def _draw_rows(
    figure: Figure,
    rows: Sequence[np.ndarray],
    row_labels: Sequence[str] | None,
    column_labels: Sequence[str] | None,
    title: str,
    breaks: Sequence[int] = (),
    wider: int = 3,
) -> tuple[Axes, list[float], float]:
    """Draw rows of pictures (K, H, W, 3) as one mosaic, `wider` gaps more before `breaks`.

    Returns:
        The axes, the centre of each row in data units (pixels), the height of a row.
    """
    if not rows:
        raise InputError("a figure of images needs at least one row, got none.")
    if len({row.shape[1:] for row in rows}) > 1:
        raise InputError("the rows of a figure need images of one size: draw one figure per size.")
    columns = max(len(row) for row in rows)
    for labels, count, what in ((row_labels, len(rows), "row"), (column_labels, columns, "column")):
        if labels is not None and len(labels) != count:
            raise InputError(f"{count} {what}s of images need as many labels, not {len(labels)}.")
    _, high, wide, _ = rows[0].shape
    gap = gap_of(wide)
    tops = [r * (high + gap) + sum(b <= r for b in breaks) * wider * gap for r in range(len(rows))]
    mosaic = np.full((tops[-1] + high, columns * (wide + gap) - gap, 3), 255, dtype=np.uint8)
    for top, row in zip(tops, rows, strict=True):
        for k, picture in enumerate(row):
            left = k * (wide + gap)
            mosaic[top : top + high, left : left + wide] = picture
    # Pictures of half an inch, smaller where the row would be wider than the text of a paper.
    inch = min(0.5 / wide, (TEXT_WIDTH - 0.8) / mosaic.shape[1])
    axes = inch_axes(figure, 0, 0, mosaic.shape[1] * inch, mosaic.shape[0] * inch)
    axes.imshow(mosaic, aspect="auto", interpolation="none")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    centres = [top + (high - 1) / 2 for top in tops]
    axes.set_yticks(centres if row_labels is not None else [], row_labels)
    across = [k * (wide + gap) + (wide - 1) / 2 for k in range(columns)]
    axes.set_xticks(across if column_labels is not None else [], column_labels)
    axes.set_title(title)
    return axes, centres, float(high)
