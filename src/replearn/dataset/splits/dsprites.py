"""Hold-outs of dSprites and its variants: Montero et al. (2021), Montero et al. (2022)."""

from replearn.dataset.splits.split import Modifier, Split

_QUARTER = "2.0943951023931953 < orientation < 4.1887902047863905"  # 2π/3, 4π/3
_CORNER = f"scale > 0.6 and {_QUARTER} and posX > 0.66 and posY > 0.66"

_SQUARE_RIGHT = Split(
    "Squares in the right half.", "shape == 'square' and posX > 0.5", (614_400, 122_880)
)

SPLITS = {
    "r2e": {
        "leave1out": Split(
            "One corner of all factors, as published: of the ellipse (class 1), where the other "
            "hold-outs exclude squares (value 1).",
            f"shape == 'ellipse' and {_CORNER}",
            (731_472, 5_808),
        ),
        "leave1out_square": Split(
            "leave1out of the square, so that it compares with the hold-outs of squares.",
            f"shape == 'square' and {_CORNER}",
            (731_472, 5_808),
        ),
    },
    "r2r": {
        "sqr2tx": _SQUARE_RIGHT,
        "shape2tx": Split(
            "The name of sqr2tx in Montero et al. (2021).",
            _SQUARE_RIGHT.test,
            _SQUARE_RIGHT.counts,
        ),
        "ell2tx": Split(
            "Ellipses in the right half.", "shape == 'ellipse' and posX > 0.5", (614_400, 122_880)
        ),
        "sqr2scl": Split(
            "Large squares.", "shape == 'square' and scale > 0.75", (614_400, 122_880)
        ),
        "sqr2tx_cent": Split(
            "Squares in the middle.",
            "shape == 'square' and 0.25 < posX < 0.75",
            (614_400, 122_880),
        ),
        "sqr2tx_flnk": Split(
            "As published: trained on squares at the flanks, so that it excludes those in the "
            "middle: the same images as sqr2tx_cent.",
            "not (shape != 'square' or posX < 0.25 or posX > 0.75)",
            (614_400, 122_880),
        ),
        "sqr2tx_flnk_excluded": Split(
            "Squares at the flanks, excluded: what sqr2tx_flnk is called after.",
            "shape == 'square' and (posX < 0.25 or posX > 0.75)",
            (614_400, 122_880),
        ),
        "sqr2tx_rs": Split(
            "Squares in a window right of the middle.",
            "shape == 'square' and 0.4 < posX < 0.9",
            (622_080, 115_200),
        ),
        "sqr2tx_ls": Split(
            "As published: ellipses outside of a window left of the middle.",
            "shape == 'ellipse' and not 0.1 < posX < 0.6",
            (606_720, 130_560),
        ),
        "sqr2tx_ls_square": Split(
            "Squares in a window left of the middle: the mirror of sqr2tx_rs that sqr2tx_ls is "
            "called after.",
            "shape == 'square' and 0.1 < posX < 0.6",
            (622_080, 115_200),
        ),
    },
    "extrp": {
        "blank_side": Split("Any shape in the right half.", "posX > 0.5", (368_640, 368_640)),
    },
}
MODIFIERS = {
    "sparse_posX": Modifier("Five columns.", "posX.index in (0, 7, 15, 23, 31)", 115_200),
}
