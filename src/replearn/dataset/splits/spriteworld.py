"""Hold-outs of Circles, Simple and TwoShapes: Montero et al. (2022); counts of our grids."""

from replearn.dataset.splits.split import Modifier, Split

_MIDDLE = "0.35 <= x <= 0.65 and 0.35 <= y <= 0.65"
_CORNER = "x > 0.5 and y > 0.5"

CIRCLES = {
    "r2r": {
        "midpos": Split("The middle.", _MIDDLE, (3_520, 576)),
        "shape2px": Split("The upper right quarter.", _CORNER, (3_072, 1_024)),
    },
}
SIMPLE = {
    "r2r": {
        "midpos": Split(
            "The second shape in the middle.", f"{_MIDDLE} and shape.index == 1", (7_616, 576)
        ),
        "shape2px": Split(
            "The second shape in the upper right quarter.",
            f"{_CORNER} and shape.index == 1",
            (7_168, 1_024),
        ),
    },
}
TWOSHAPES = {
    "r2r": {
        "huecomb": Split(
            "The first two hues of the first object with the last ones of the second.",
            "o1_hue.index < 2 and o2_hue.index > 2",
            (118_125, 22_500),
        ),
    },
}


def _apart(axis: str) -> str:
    """Return that two objects are over 0.2 apart along an axis: two steps of 0.15 of our grid."""
    return " or ".join(
        f"o1_{axis}.index == {one} and o2_{axis}.index in "
        f"{tuple(other for other in range(5) if abs(one - other) > 1)}"
        for one in range(5)
    )


TWOSHAPES_MODIFIERS = {
    "noverlap": Modifier(
        "Objects over 0.2 apart along both axes.",
        f"({_apart('px')}) and ({_apart('py')})",
        32_400,
    ),
}
