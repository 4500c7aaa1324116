"""The search of a latent size: the largest good one, from wherever it begins."""

import math

import pytest

from replearn.analysis.latent_search import search_latent_size
from replearn.errors import InputError


def published(difference, size, threshold):
    """Algorithm 1 of the paper."""
    low, high = 0, math.inf
    while size != low:
        if difference(size) <= threshold:
            low, size = size, min(2 * size, high)
        else:
            high = size
            size = (low + high) // 2
    return size


@pytest.mark.parametrize("start", [1, 2, 7, 11, 32, 100])
def test_the_largest_good_size_is_found_wherever_the_search_begins(start):
    for wanted in range(40):
        found = search_latent_size(lambda size, w=wanted: size - w + 1.0, start)
        assert found.size == wanted == published(lambda size, w=wanted: size - w + 1.0, start, 1)
        assert not found.largest
        assert len(found.tried) <= 2 * math.log2(max(wanted, start) + 1) + 2
        # The answer was tried, and so was the next size: one is good, the other is not.
        assert found.tried.get(wanted, 0) <= 1 < found.tried[wanted + 1]


def test_the_order_of_trials():
    found = search_latent_size(lambda size: 0.0 if size <= 13 else 5.0, start=4)
    assert list(found.tried) == [4, 8, 16, 12, 14, 13]
    assert found.size == 13


def test_the_threshold_itself_is_good_and_what_is_no_number_is_not():
    assert search_latent_size(lambda size: size / 4, 3, threshold=2.0).size == 8
    assert search_latent_size(lambda size: 0.0 if size < 6 else math.nan, 3).size == 5


def test_a_search_ends_at_the_largest_size():
    found = search_latent_size(lambda size: 0.0, start=10, largest=48)
    assert (found.size, found.largest) == (48, True)
    assert list(found.tried) == [10, 20, 40, 48]
    # Nor is one beyond it tried when the largest is bad.
    bounded = search_latent_size(lambda size: float(size), start=30, threshold=45, largest=48)
    assert (bounded.size, bounded.largest) == (45, False)
    assert max(bounded.tried) == 48


@pytest.mark.parametrize("start", [0, 513])
def test_a_start_outside_of_the_search_is_refused(start):
    with pytest.raises(InputError, match=f"a latent size from 1 to 512, got {start}"):
        search_latent_size(lambda size: 0.0, start)
