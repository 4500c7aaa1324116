"""What read-outs predict of each factor."""

import numpy as np
import pytest

from replearn.analysis.generalisation import target_tables, targets_of


def test_a_shape_is_indicators_an_angle_a_point_on_the_circle_and_a_place_its_value():
    names = ("shape", "orientation", "posX")
    values = (np.array([1, 2, 3]), np.linspace(0, 2 * np.pi, 5), np.linspace(0, 1, 3))
    shape, angle, place = target_tables(names, (3, 5, 3), values)
    assert shape.tolist() == np.eye(3).tolist()
    # The last angle is the first one again, as in dSprites.
    assert angle == pytest.approx(np.array([[1, 0], [0, 1], [-1, 0], [0, -1], [1, 0]]), abs=1e-12)
    assert place.tolist() == [[0], [0.5], [1]]
    found = targets_of([[2, 1, 0], [0, 3, 2]], [shape, angle, place])
    assert found[0].tolist() == [[0, 0, 1], [1, 0, 0]]
    assert found[1] == pytest.approx(np.array([[0, 1], [0, -1]]), abs=1e-12)
    assert found[2].tolist() == [[0], [1]]


@pytest.mark.parametrize(
    ("name", "values", "columns"),
    [
        ("object_hue", np.arange(10) / 10, 2),  # red comes after purple
        ("azimuth", np.arange(0, 360, 20), 2),
        ("orientation", np.linspace(-30, 30, 15), 1),  # degrees, and not all round
        ("object_color", np.arange(6), 6),
        ("horizontal_axis", np.arange(40), 1),
        ("o1_shape", np.arange(3), 3),
    ],
)
def test_factors_are_known_by_name_and_values(name, values, columns):
    (table,) = target_tables((name,), (len(values),), (values,))
    assert table.shape == (len(values), columns)
    if columns == 2:  # neighbours are equally far apart, also the last and the first
        steps = np.linalg.norm(table - np.roll(table, 1, axis=0), axis=1)
        assert steps == pytest.approx(steps[0])


def test_values_with_names_are_classes_and_without_values_indices_count():
    kind, place = target_tables(("kind", "x"), (2, 4), (), {"kind": ("cat", "dog")})
    assert kind.tolist() == [[1, 0], [0, 1]]
    assert place.tolist() == [[0], [1], [2], [3]]
