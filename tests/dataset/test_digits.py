"""The bundled digits equal what scikit-learn's own function loads."""

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from replearn.dataset import load
from replearn.errors import InputError


def test_digits_are_scikit_learns():
    ours, theirs = load("digits"), load_digits()
    assert len(ours) == 1797
    assert ours.image_shape == (1, 8, 8)
    assert not ours.is_twin
    np.testing.assert_array_equal(ours.labels, theirs.target)
    np.testing.assert_allclose(
        ours.images[:][:, 0].numpy() / 255, theirs.images / 16, atol=0.5 / 255
    )


@pytest.mark.parametrize("size", [32, 64])
def test_digits_are_resized_as_pillow_does(size):
    image = load("digits", size=size).images[1000]
    assert image.shape == (1, size, size)
    small = Image.fromarray(load("digits").images[1000][0].numpy())
    large = small.resize((size, size), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(image[0].numpy(), np.asarray(large))


def test_other_size_is_refused():
    with pytest.raises(InputError, match=r"expected size to be one of 8, 32, 64, got 28"):
        load("digits", size=28)
