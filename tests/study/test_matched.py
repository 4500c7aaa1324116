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
