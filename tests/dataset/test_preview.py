"""The pictures of data sets: each row shows what its title says."""

import numpy as np
import torch

from replearn.dataset import load
from replearn.dataset.images import FactorSpace, ImageDataset
from replearn.dataset.preview import rows_of_images


def test_sweep_moves_one_factor_alone_away_from_the_first_sample():
    simple = load("simple")
    (_, first), (_, second), *sweeps = rows_of_images(simple)
    assert len(set(first)) == len(set(second)) == 12
    rows = dict(sweeps)
    assert list(rows) == ["x", "y", "shape"]
    assert [len(row) for row in rows.values()] == [12, 12, 2]
    for k, index in enumerate(rows.values()):
        others = [i for i in range(3) if i != k]
        assert (simple.factors[index][:, others] == simple.factors[first[0]][others]).all()
        moved = simple.factors[index][:, k]
        assert (np.diff(moved) > 0).all()
        assert (moved[0], moved[-1]) == (0, simple.factor_space.sizes[k] - 1)


def test_labelled_images_are_shown_by_class():
    digits = load("digits")
    for name, index in rows_of_images(digits)[2:]:
        assert set(digits.labels[index]) == {int(name)}


def test_many_classes_share_rows():
    names = tuple(f"class {i}" for i in range(30))
    labels = np.random.default_rng(0).permutation(np.arange(90) % 30)
    many = ImageDataset("many", torch.zeros(90, 1, 2, 2), labels=labels, class_names=names)
    rows = rows_of_images(many, samples=1)[1:]
    titles = ["class 0 … class 11", "class 12 … class 23", "class 24 … class 29"]
    assert [title for title, _ in rows] == titles
    assert np.concatenate([labels[index] for _, index in rows]).tolist() == list(range(30))


def test_factors_that_are_no_grid_are_shown_by_ascending_value():
    factors = np.random.default_rng(0).integers(0, (2, 5, 30), (80, 3))
    space = FactorSpace(("hat", "size", "age"), (2, 5, 30))
    photographs = ImageDataset("photographs", torch.zeros(80, 1, 2, 2), factors, space)
    rows = rows_of_images(photographs)[2:]
    assert [title for title, _ in rows] == ["hat (without, with)", "size (0 … 4)", "age (0 … 29)"]
    hat, size, age = (factors[index, k].tolist() for k, (_, index) in enumerate(rows))
    assert hat == [0] * 6 + [1] * 6
    assert size == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert age == sorted(set(age)) and len(age) == 12


def test_few_images_are_all_shown():
    few = load("digits", per_class=1, classes=[4, 2])
    rows = rows_of_images(few)
    assert sorted(rows[0][1]) == [0, 1]
    assert [title for title, _ in rows[2:]] == ["4", "2"]
