"""All pairs from the cache, block by block, are all pairs from memory."""

import numpy as np
import pytest
import torch

from replearn.analysis.cache import TensorCache
from replearn.analysis.cached_pairs import cached_block, compare_cached
from replearn.analysis.pair_store import PairStore
from replearn.analysis.similarity import MEASURES, compare_all
from replearn.errors import InputError

N = 40


@pytest.fixture
def cache(tmp_path):
    return TensorCache(tmp_path / "a cache")


@pytest.fixture
def representations():
    generator = torch.Generator().manual_seed(3)
    made = {f"r{d}": torch.randn(N, d, generator=generator) for d in (3, 7, 20, 41, 90)}
    return {**made, "dead": torch.full((N, 4), 2.5), "last": made["r7"] @ torch.randn(7, 5)}


def here(function, blocks, each):
    results = [function(*block) for block in blocks]
    # They may end in any order.
    for index in reversed(range(len(results))):
        each(index, results[index])
    return results


@pytest.mark.parametrize("groups", [1, 2, 3, 100])
def test_the_blocks_change_no_value(cache, representations, groups):
    keys = {label: cache.keep(x) for label, x in representations.items()}
    names = [n for n, m in MEASURES.items() if m.input_kind == "activations"]
    names = sorted(n for n in names if not MEASURES[n].equal_widths)
    whole = compare_all(representations, names)
    found = compare_cached(keys, names, cache, here, groups=groups)
    assert (found.labels, found.n, found.warnings) == (whole.labels, whole.n, whole.warnings)
    assert any("dead" in warning for warning in found.warnings)
    for one, other in ((whole.values, found.values), (whole.nulls, found.nulls)):
        assert set(one) == set(other)
        for name in one:
            # Some measures reach hundreds.
            np.testing.assert_allclose(other[name], one[name], rtol=1e-12, atol=1e-12)


def test_less_memory_makes_smaller_blocks(cache, representations):
    keys = {label: cache.keep(x) for label, x in representations.items()}
    sizes = []

    def look(function, blocks, each):
        sizes.append([len(rows) for rows, *_ in blocks])
        return here(function, blocks, each)

    compare_cached(keys, ["cka_linear"], cache, look, groups=1)
    compare_cached(keys, ["cka_linear"], cache, look, groups=1, memory_gib=1e-7)
    assert sizes[0] == [7] and set(sizes[1]) == {1} and len(sizes[1]) == 28


def test_all_constant_is_a_warning_each(cache):
    keys = {name: cache.keep(torch.full((N, 2), value)) for name, value in (("a", 1.0), ("b", 2.0))}
    found = compare_cached(keys, ["cka_linear"], cache, here)
    assert np.isnan(found.values["cka_linear"]).all() and len(found.warnings) == 2


def test_other_numbers_of_inputs_are_one_sentence(cache, representations):
    keys = {label: cache.keep(x) for label, x in representations.items()}
    keys["short"] = cache.keep(torch.randn(N - 1, 3))
    for groups in (1, 4):
        with pytest.raises(InputError, match="has 40 rows and 'short' has 39"):
            compare_cached(keys, ["cka_linear"], cache, here, groups=groups)


def test_nothing_to_compare_is_one_sentence(cache):
    with pytest.raises(InputError, match="there is no representation to compare"):
        compare_cached({}, ["cka_linear"], cache, here)


def test_a_worker_without_the_cache_says_so(cache, tmp_path):
    key = cache.keep(torch.randn(N, 3))
    with pytest.raises(InputError, match="'x' are missing or damaged in .*elsewhere as a worker"):
        cached_block({"x": key}, {"x": key}, ["cka_linear"], str(tmp_path / "elsewhere"),
                     {"memory_gib": 1.0, "standard_errors": False})  # fmt: skip


def test_blocks_that_ended_are_not_computed_again(cache, representations, tmp_path):
    keys = {label: cache.keep(x) for label, x in representations.items()}
    store, computed = PairStore(tmp_path / "pairs"), []

    def counted(function, blocks, each):
        for index, (rows, columns, *rest) in enumerate(blocks):
            computed.extend({tuple(sorted([x, y])) for x in rows for y in columns})
            each(index, function(rows, columns, *rest))

    def interrupted(function, blocks, each):
        for index, block in enumerate(blocks[:4]):
            each(index, function(*block))
        raise KeyboardInterrupt

    measures = ["cka_linear", "linear_regression"]
    options = {"store": store, "groups": 3, "standard_errors": True}
    with pytest.raises(KeyboardInterrupt):
        compare_cached(keys, measures, cache, interrupted, **options)
    told = []
    found = compare_cached(keys, measures, cache, counted, announce=told.append, **options)
    # Groups of 3, 3 and 1: what is left is the last with itself and with the second, in which one
    # is constant.
    assert len(computed) == told[0].missing == 3
    whole = compare_all(representations, measures, standard_errors=True)
    assert set(found.warnings) == set(whole.warnings)
    for name, matrix in whole.values.items():
        np.testing.assert_allclose(found.values[name], matrix, rtol=0, atol=1e-12)
    for name, matrix in whole.errors.items():  # roots of what is 0 up to rounding
        np.testing.assert_allclose(found.errors[name] ** 2, matrix**2, rtol=0, atol=1e-12)
    # Both engines know what the other has computed.
    compare_all(representations, measures, keys=keys, store=store, announce=told.append)
    assert told[1].missing == 0


def test_representations_of_other_images_are_refused(cache, representations):
    keys = {label: cache.keep(x, "the probe set") for label, x in representations.items()}
    keys["other"] = cache.keep(torch.randn(N, 3), "another probe set")
    with pytest.raises(InputError, match="'r3' and 'other' were made from different inputs"):
        compare_cached(keys, ["cka_linear"], cache, here)
