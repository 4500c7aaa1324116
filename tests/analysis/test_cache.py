"""The cache returns what was stored, or nothing: never something else."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

import replearn
from replearn.analysis.activations import activations
from replearn.analysis.cache import TensorCache, cached_representations, content_key
from replearn.analysis.similarity import compare
from replearn.errors import InputError


@pytest.fixture
def cache(tmp_path):
    return TensorCache(tmp_path / "cache")


@pytest.fixture
def tensor():
    return torch.arange(12.0).reshape(3, 4)


def test_what_was_stored_comes_back(cache, tensor):
    assert cache.get("ab12") is None
    for dtype in (torch.float32, torch.float64):
        cache.put("ab12", tensor.to(dtype).T)
        found = cache.get("ab12")
        assert found.dtype == dtype and torch.equal(found, tensor.to(dtype).T)
    assert cache.size() == (1, next(cache.folder.glob("ab/*")).stat().st_size)
    assert str(cache).startswith(f"{cache.folder}: 1 entries, 0 MB")


def test_every_part_changes_the_key():
    parts = dict(checkpoint="c", layer="mean", probe="p", pooling="flatten", code="v")
    keys = {content_key(**parts)}
    keys |= {content_key(**{**parts, name: "other"}) for name in parts}
    assert len(keys) == 6
    assert content_key(**dict(reversed(parts.items()))) in keys


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "header"])
def test_a_damaged_entry_is_made_again_with_a_warning(cache, tensor, damage):
    cache.put("ab12", tensor)
    (path,) = cache.folder.glob("ab/*")
    raw = bytearray(path.read_bytes())
    if damage == "flipped":
        raw[-3] ^= 1
    elif damage == "header":
        raw[0:8] = b"\xff" * 8
    path.write_bytes({"cut": raw[:-5], "empty": b""}.get(damage, raw))
    with pytest.warns(UserWarning, match="are damaged"):
        assert torch.equal(cache.get_or_make("ab12", lambda: tensor), tensor)
    assert torch.equal(cache.get_or_make("ab12", lambda: pytest.fail("made twice")), tensor)


WRITE_OFTEN = """
import sys
import torch
from replearn.analysis.cache import TensorCache
for _ in range(30):
    TensorCache(sys.argv[1]).put("ab12", torch.full((200, 200), 3.0))
"""


@pytest.mark.slow
def test_two_processes_may_write_the_same_entry(cache):
    environment = {**os.environ, "PYTHONPATH": str(Path(replearn.__file__).parents[1])}
    command = [sys.executable, "-c", WRITE_OFTEN, str(cache.folder)]
    writers = [subprocess.Popen(command, env=environment) for _ in range(2)]
    seen = 0
    while any(writer.poll() is None for writer in writers):
        found = cache.get("ab12")
        if found is not None:
            assert torch.equal(found, torch.full((200, 200), 3.0))
            seen += 1
    for writer in writers:
        assert writer.wait() == 0
    assert seen > 0
    assert [p.name for p in cache.folder.glob("ab/*")] == ["ab12.safetensors"]


def test_a_full_disk_leaves_nothing_behind(cache):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        with pytest.warns(UserWarning, match="not cached"):
            cache.put("ab12", torch.zeros(100_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(cache.folder.glob("*/*")) == [] and cache.get("ab12") is None


@pytest.fixture
def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 60), nn.ReLU(), nn.Linear(60, 3))


def test_representations_are_made_once(cache, net):
    images = torch.rand(20, 5)
    calls = []

    def load():
        calls.append(1)
        return net

    def read(**changed):
        options = dict(checkpoint="c", probe="p", version="v", cache=cache) | changed
        return dict(cached_representations(load, ["0", "2"], lambda: [images], **options))

    first, again = read(), read()
    assert len(calls) == 1
    assert first.keys() == again.keys() == {"0", "2"}
    assert all(torch.equal(first[layer], again[layer]) for layer in first)
    full = activations(net, ["0", "2"], [images])
    assert torch.equal(first["2"], full["2"])
    # 60 features of 20 images lie in at most 5 dimensions, the input's.
    assert first["0"].shape[0] == 20 and first["0"].shape[1] < 20
    for measure in ("cka_debiased", "procrustes_angular"):
        expected = compare(full["0"], full["2"], measure)
        assert compare(first["0"], first["2"], measure) == pytest.approx(expected, abs=1e-6)
    changes = [{"checkpoint": "d"}, {"probe": "q"}, {"version": "w"}, {"pooling": "mean"}]
    changes += [{"reduced": False}]
    for change in changes:
        read(**change)
    assert len(calls) == 1 + len(changes)
    assert torch.equal(read(reduced=False)["0"], full["0"])


def test_a_missing_layer_alone_is_made(cache, net):
    images = torch.rand(20, 5)
    options = dict(checkpoint="c", probe="p", cache=cache)
    dict(cached_representations(net, ["0"], lambda: [images], **options))
    seen = []
    net[0].register_forward_hook(lambda *_: seen.append(1))
    found = dict(cached_representations(net, ["2", "0"], lambda: [images], **options))
    assert set(found) == {"0", "2"} and cache.size()[0] == 2
    dict(cached_representations(net, ["2", "0"], lambda: [images], **options))
    assert len(seen) == 2  # the trial that sizes the layers, and the pass


def test_a_constant_wide_layer_is_kept_as_constant(cache):
    net = nn.Sequential(nn.Linear(5, 60))
    nn.init.zeros_(net[0].weight)
    found = dict(
        cached_representations(
            net, ["0"], lambda: [torch.rand(20, 5)], checkpoint="c", probe="p", cache=cache
        )
    )
    with pytest.raises(InputError, match="is constant"):
        compare(found["0"], torch.rand(20, 3))


def test_a_diverged_layer_is_named(cache):
    net = nn.Sequential(nn.Linear(5, 60))
    nn.init.constant_(net[0].weight, torch.nan)
    with pytest.raises(InputError, match="layer '0' holds NaN"):
        dict(
            cached_representations(
                net, ["0"], lambda: [torch.rand(20, 5)], checkpoint="c", probe="p", cache=cache
            )
        )
