"""Hold-outs of 3D Shapes: Montero et al. (2021), Montero et al. (2022)."""

from replearn.dataset.splits.split import Modifier, Split

_FLOOR_HALF = Split("Floors of the upper half of the hues.", "floor_hue >= 0.5", (240_000, 240_000))
_EVEN_WALL_AND_FLOOR = "wall_hue.index in (0, 2, 4, 6, 8) and floor_hue.index in (0, 2, 4, 6, 8)"

SPLITS = {
    "interp": {
        "odd_ohue": Split(
            "Every other hue of the object.",
            "object_hue.index in (1, 3, 5, 7, 9)",
            (240_000, 240_000),
        ),
        "odd_wnf_hue": Split(
            "All but every other hue of wall and floor.",
            f"not ({_EVEN_WALL_AND_FLOOR})",
            (120_000, 360_000),
        ),
    },
    "r2e": {
        "leave1out": Split(
            "One corner of all factors, of the cylinder; the test set has 72 images.",
            "object_hue >= 0.8 and wall_hue >= 0.8 and floor_hue >= 0.8 and scale >= 1.1 "
            "and shape == 'cylinder' and orientation > 20",
            (479_928, 72),
        ),
        "shape2ohue": Split(
            "Capsules of one hue.",
            "shape == 'capsule' and object_hue.index == 2",
            (468_000, 12_000),
        ),
    },
    "r2r": {
        "ohue2whue": Split(
            "Objects of high hues before walls of low ones.",
            "object_hue >= 0.75 and wall_hue <= 0.5",
            (422_400, 57_600),
        ),
        "fhue2whue": Split(
            "Floors of high hues before walls of low ones.",
            "floor_hue >= 0.75 and wall_hue <= 0.5",
            (422_400, 57_600),
        ),
        "shape2ohue": Split(
            "Capsules of the upper half of the hues.",
            "shape == 'capsule' and object_hue >= 0.5",
            (420_000, 60_000),
        ),
        "shape2fhue": Split(
            "Capsules on floors of the upper half of the hues.",
            "shape == 'capsule' and floor_hue >= 0.5",
            (420_000, 60_000),
        ),
        "shape2ohueq": Split(
            "Capsules of the lowest quarter of the hues.",
            "shape == 'capsule' and object_hue <= 0.25",
            (444_000, 36_000),
        ),
        "shape2orient": Split(
            "Capsules in rooms that are turned to one side.",
            "shape == 'capsule' and orientation >= 0",
            (416_000, 64_000),
        ),
        "shape2ohue_flnk": Split(
            "Capsules of the middle half of the hues: those at the flanks are trained on.",
            "shape == 'capsule' and 0.25 < object_hue < 0.75",
            (420_000, 60_000),
        ),
        "ohue+whue2fhue": Split(
            "Of Montero et al. (2021), as published: objects of high hues before walls of low "
            "ones; the floor, which its name has, is not in it.",
            "object_hue >= 0.8 and wall_hue <= 0.2",
            (451_200, 28_800),
        ),
    },
    "extrp": {
        "missing_fh": _FLOOR_HALF,
        "fhue_gt50": Split(
            "The name of missing_fh in Montero et al. (2021).",
            _FLOOR_HALF.test,
            _FLOOR_HALF.counts,
        ),
    },
}
MODIFIERS = {
    "even_ohues": Modifier(
        "Every other hue of the object.", "object_hue.index in (0, 2, 4, 6, 8)", 240_000
    ),
    "half_ohues": Modifier("The first five hues of the object.", "object_hue.index < 5", 240_000),
    "even_wnf_hues": Modifier("Every other hue of wall and floor.", _EVEN_WALL_AND_FLOOR, 120_000),
}
