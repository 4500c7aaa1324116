"""Which errors excluded combinations are compared with, and where there is nothing to compare."""

import numpy as np
import pytest
import torch

from replearn.dataset import DECLARATIONS
from replearn.dataset.images import ImageDataset
from replearn.dataset.partition import partition
from replearn.study.matched import matched
from replearn.study.recombination import Images
from replearn.study.task import some_of

CPU = torch.device("cpu")


def split_of(name, condition, variant, n=300):
    """Images by part of a published split, the named factors, and those of all training images."""
    space = DECLARATIONS[name].factor_space
    assert space is not None
    factors = space.factors(np.arange(len(space)))
    data = ImageDataset(name, torch.zeros((len(space), 1, 1, 1), dtype=torch.uint8), factors, space)
    section = {
        "name": name, "validation": 0.1, "split_seed": 0, "condition": condition, "variant": variant
    }  # fmt: skip
    parts = partition(section, data)
    named = [space.names.index(each) for each in parts.named]
    images = {
        part: Images(data, some_of(getattr(parts, part), n, 0), CPU)
        for part in ("held_out", "test")
    }
    return images, named, factors[parts.training][:, named]


def errors_of(images, n=1.0):
    return {
        f"{part}_squared_error": np.full(len(each.positions), n) for part, each in images.items()
    }


@pytest.mark.parametrize(
    "split",
    [
        ("shapes3d", "interp", "odd_ohue"),
        ("shapes3d", "interp", "odd_wnf_hue"),
        ("mpi3d_like", "extrp", "horz_gt20_complement"),
    ],
)
def test_nothing_is_as_hard_as_values_that_were_never_trained_on(split):
    images, named, trained = split_of(*split)
    assert matched(errors_of(images), images, named, trained) == {}


def test_combinations_of_values_that_were_trained_on_are_matched_all():
    images, named, trained = split_of("shapes3d", "r2r", "shape2ohue")
    found = matched(errors_of(images, 3.0), images, named, trained)
    assert found["matched_squared_error"] == pytest.approx(np.full(300, 3.0))


def test_an_image_without_an_error_has_no_match_either():
    # Where nothing is expected of an excluded image, neither mean has it.
    images, named, trained = split_of("shapes3d", "r2r", "shape2ohue")
    errors = errors_of(images)
    errors["test_squared_error"][:7] = np.nan
    found = matched(errors, images, named, trained)["matched_squared_error"]
    assert np.isnan(found).tolist() == [True] * 7 + [False] * 293
    errors["test_squared_error"][:] = np.nan
    assert np.isnan(matched(errors, images, named, trained)["matched_squared_error"]).all()


def test_the_least_error_is_never_above_the_error_that_it_is_the_least_of():
    # Of images whose errors differ by far more than the encoder's gap, which is known of 60.
    images, named, trained = split_of("shapes3d", "r2r", "shape2ohue")
    random = np.random.default_rng(0)
    errors = {
        f"{part}_squared_error": random.uniform(500, 3000, len(each.positions))
        for part, each in images.items()
    }
    errors["held_out_sought"] = sought = np.arange(0, 300, 5)
    errors["held_out_encoder_gap"] = np.full(60, 5.0)
    errors["held_out_least_error"] = errors["held_out_squared_error"][sought] - 5
    found = matched(errors, images, named, trained)
    assert found["matched_encoder_gap"] == pytest.approx(np.full(300, 5.0))
    whole = found["matched_squared_error"]
    assert found["matched_least_error"] == pytest.approx(whole - 5)
    # Nor below 0, whatever a fit says.
    for gap, expected in ((-5.0, 0 * whole), (9000.0, whole)):
        errors["held_out_encoder_gap"] = np.full(60, gap)
        found = matched(errors, images, named, trained)
        assert found["matched_encoder_gap"] == pytest.approx(expected)
        assert found["matched_least_error"] == pytest.approx(whole - expected)


def test_no_error_is_matched_by_one_below_nothing():
    # An error of 9 but at the excluded shapes, and at the excluded hues: of both it would be -9.
    images, named, trained = split_of("shapes3d", "r2r", "shape2ohue", 2000)
    own, out = (images[part].factors[:, named] for part in ("held_out", "test"))
    of_neither = ~np.array([np.isin(own[:, m], out[:, m]) for m in range(2)]).any(axis=0)
    errors = {}
    for name in ("squared_error", "nll"):
        errors |= {f"held_out_{name}": 9.0 * of_neither, f"test_{name}": np.ones(2000)}
    found = matched(errors, images, named, trained)
    # A density may be above 1.
    assert found["matched_nll"] == pytest.approx(np.full(2000, -9.0))
    assert found["matched_squared_error"].tolist() == [0] * 2000
