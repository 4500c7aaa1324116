"""Hold-outs of MPI3D and of the scene that is like it: Montero et al. (2021, 2022)."""

from replearn.dataset.splits.split import Modifier, Split

_CYLINDER_LEFT = Split(
    "Cylinders in the lower half of the horizontal axis.",
    "object_shape == 'cylinder' and horizontal_axis < 20",
    (950_400, 86_400),
)
_RED_LEFT = Split(
    "Red objects in the lower half of the horizontal axis.",
    "object_color == 'red' and horizontal_axis < 20",
    (950_400, 86_400),
)

SPLITS = {
    "r2e": {
        "leave1out": Split(
            "One corner of all factors, of the large olive cylinder; the test set has 16 images.",
            "object_color == 'olive' and object_shape == 'cylinder' and object_size == 'large' "
            "and camera_height == 'center' and background_color == 'sea green' "
            "and horizontal_axis > 35 and vertical_axis > 35",
            (1_036_784, 16),
        ),
    },
    "r2r": {
        "cyl2hx": _CYLINDER_LEFT,
        "cyl2horz": Split(
            "The name of cyl2hx in Montero et al. (2021).",
            _CYLINDER_LEFT.test,
            _CYLINDER_LEFT.counts,
        ),
        "cyl2vx": Split(
            "Cylinders in the lower half of the vertical axis.",
            "object_shape == 'cylinder' and vertical_axis < 20",
            (950_400, 86_400),
        ),
        "redoc2hx": _RED_LEFT,
        "objc2horz": Split(
            "The name of redoc2hx in Montero et al. (2021).", _RED_LEFT.test, _RED_LEFT.counts
        ),
        "bkg2cyl": Split(
            "As published: pyramids and spheres, not cylinders, before one background.",
            "object_shape in ('pyramid', 'sphere') and background_color == 'salmon'",
            (921_600, 115_200),
        ),
        "bkg2cyl_cylinder": Split(
            "Cylinders before one background: what bkg2cyl is called after.",
            "object_shape == 'cylinder' and background_color == 'salmon'",
            (979_200, 57_600),
        ),
        "bkg2cyl_two_backgrounds": Split(
            "Cylinders before two of three backgrounds. Our name: the main text of Montero et al. "
            "(2022) excludes two, and their code has this mask (cylinder_to_background) but gives "
            "it no name.",
            "object_shape == 'cylinder' and background_color in ('sea green', 'salmon')",
            (921_600, 115_200),
        ),
    },
    "extrp": {
        "horz_gt20": Split(
            "The upper half of the horizontal axis, as published: position 20 is in neither set.",
            "horizontal_axis > 20",
            (518_400, 492_480),
            train="horizontal_axis < 20",
        ),
        "horz_gt20_complement": Split(
            "horz_gt20 with position 20 in the training set.",
            "horizontal_axis > 20",
            (544_320, 492_480),
        ),
        "objc_gt3": Split(
            "The last two colours of the object.", "object_color > 3", (691_200, 345_600)
        ),
    },
}
_VERTICAL = "vertical_axis.index in {}".format
MODIFIERS = {
    "four_shapes": Modifier(
        "No cones and no hexagonal prisms.",
        "object_shape not in ('cone', 'hexagonal')",
        691_200,
    ),
    "fix_hx": Modifier("One position of the horizontal axis.", "horizontal_axis == 0", 25_920),
    "lhalf_hx": Modifier("The lower half of the horizontal axis.", "horizontal_axis < 20", 518_400),
    "even_vx": Modifier(
        "As published: every other position of the vertical axis, the odd ones.",
        _VERTICAL(tuple(range(1, 40, 2))),
        518_400,
    ),
    "even_vx_even": Modifier(
        "The even positions of the vertical axis: what even_vx is called after.",
        _VERTICAL(tuple(range(0, 40, 2))),
        518_400,
    ),
}
