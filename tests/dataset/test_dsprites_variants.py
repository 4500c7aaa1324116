"""Colour, noisy and scream dSprites: distributions of the looks, and that each image keeps its."""

import threading
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import stats

from replearn.dataset import load
from replearn.dataset.arrays import PackedImages
from replearn.dataset.drawn import DrawnImages
from replearn.dataset.dsprites_variants import (
    SCREAM,
    coloured,
    noisy,
    read_picture,
    screaming,
)
from replearn.dataset.files import keep_digests
from replearn.dataset.splitmix import outputs, seeds_of
from replearn.dataset.sprites import SHA256, sprite
from replearn.errors import InputError

N = 4000
PICTURE = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (3, 70, 68), dtype=np.uint8))
LOOKS = {"color": (coloured,), "noisy": (noisy,), "scream": (screaming, PICTURE)}


def images_of(name, bits, seed=0):
    look, *tables = LOOKS[name]
    return DrawnImages(
        partial(look, seed), (PackedImages(bits, (1, 64, 64)), *tables), (len(bits), 3, 64, 64)
    )


def empty(n):
    return np.zeros((n, 512), np.uint8)


def full(n):
    return np.full((n, 512), 255, np.uint8)


HEARTS = sprite(2, 5, 7).reshape(1024, 512)
MASKS = np.unpackbits(HEARTS, axis=1).reshape(1024, 1, 64, 64).astype(bool)


def correlations(values):
    """The largest correlation of two columns (n, k), in its standard deviations 1/sqrt(n)."""
    matrix = np.corrcoef(values, rowvar=False)
    return np.abs(matrix - np.eye(len(matrix))).max() * np.sqrt(len(values))


@pytest.mark.parametrize("seed", [0, 1])
def test_colours_are_uniform_and_independent(seed):
    colours = images_of("color", full(N), seed)[:][:, :, 31, 40].numpy() / 255
    for channel in colours.T:
        assert stats.kstest(channel, stats.uniform(0.5, 0.5).cdf).pvalue > 0.001
        # Of U(1/2, 1): mean 3/4, variance 1/48; the fourth moment gives the variance's error.
        assert channel.mean() == pytest.approx(0.75, abs=4 * np.sqrt(1 / 48 / N))
        assert channel.var() == pytest.approx(1 / 48, rel=4 * np.sqrt(0.8 / N))
    # Channels of an image, and of it and the next two.
    beside = np.concatenate([colours[:-2], colours[1:-1], colours[2:]], axis=1)
    assert correlations(beside) < 4.5


def test_a_sprite_has_one_colour_on_black():
    images = images_of("color", HEARTS)[:].numpy()
    assert images.dtype == np.uint8 and images.shape == (1024, 3, 64, 64)
    brightest = images.max(axis=(2, 3), keepdims=True)
    assert brightest.min() >= 127
    np.testing.assert_array_equal(images, np.where(MASKS, brightest, 0))


def test_noise_is_uniform_and_independent():
    noise = images_of("noisy", empty(400))[:].numpy()
    counts = np.bincount(noise.ravel(), minlength=256)
    assert stats.chisquare(counts).pvalue > 0.001  # 256 equally likely values
    centred = noise / 255 - 0.5
    variance = (256**2 - 1) / 12 / 255**2  # of 256 equally likely values in steps of 1/255
    assert np.square(centred).mean() == pytest.approx(variance, rel=0.003)
    pairs = {
        "right": (centred[..., 1:], centred[..., :-1]),
        "below": (centred[..., 1:, :], centred[..., :-1, :]),
        "word": (centred[..., 8:], centred[..., :-8]),
        "channel": (centred[:, 1:], centred[:, :-1]),
        "image": (centred[1:], centred[:-1]),
    }
    for name, (a, b) in pairs.items():
        assert abs((a * b).mean()) / variance * np.sqrt(a.size) < 4.5, name
    for bit in range(8):
        share = (noise >> bit & 1).mean()
        assert share == pytest.approx(0.5, abs=4.5 * 0.5 / np.sqrt(noise.size)), bit
    for pixel in (0, 777, 4095):  # of one place, over the images
        column = images_of("noisy", empty(N))[:].reshape(N, 3, 4096)[:, :, pixel].numpy()
        assert (
            stats.kstest(
                column.ravel() + np.random.default_rng(0).random(3 * N), "uniform", args=(0, 256)
            ).pvalue
            > 0.001
        )
        assert correlations(column) < 4.5


def test_noise_stops_at_white_sprites():
    noise = images_of("noisy", empty(1024))[:].numpy()
    images = images_of("noisy", HEARTS)[:].numpy()
    np.testing.assert_array_equal(images, np.minimum(noise + MASKS * 255, 255))


def test_scream_is_an_averaged_crop_inverted_under_the_sprite():
    # 6 x 4 crops fit; of them the published code never takes the last row and column: rows 0 … 5,
    # columns 0 … 3 are randint(0, 70 - 64) and randint(0, 68 - 64).
    images = images_of("scream", HEARTS)[:].numpy()
    patches = np.where(MASKS, 255 - images.astype(int), images)
    places, colours = [], []
    for patch in patches:
        found = []
        for top in range(7):
            for left in range(5):
                crop = PICTURE[:, top : top + 64, left : left + 64].numpy()
                colour = 2 * patch - crop  # within 1 of a constant at the right place
                if (np.ptp(colour, axis=(1, 2)) <= 2).all():
                    found.append((top, left))
                    colours.append(colour.mean(axis=(1, 2)) / 255)
        assert len(found) == 1
        places += found
    counts = np.zeros((7, 5))
    np.add.at(counts, tuple(np.transpose(places)), 1)
    assert counts[6].sum() == counts[:, 4].sum() == 0
    assert stats.chisquare(counts[:6, :4].ravel()).pvalue > 0.001
    for channel in np.transpose(colours):
        assert stats.kstest(channel, "uniform").pvalue > 0.001
    assert correlations(np.hstack([colours, places])) < 4.5


@pytest.mark.parametrize("level", [0, 100, 255])
def test_scream_rounds_the_published_formula(level):
    # (crop + u) / 2 of a picture of one level; u are the third to fifth outputs, as fractions.
    sprites = PackedImages(empty(200), (1, 64, 64))
    picture = torch.full((3, 80, 90), level, dtype=torch.uint8)
    images = screaming(5, torch.arange(200), sprites, picture).double().numpy()
    outputs_of_images = outputs(seeds_of(5, torch.arange(200)), 5)[:, 2:]
    u = outputs_of_images.numpy().view(np.uint64) / 2**64
    exact = 255 * (level / 255 + u) / 2
    # Half a level of rounding, and what is lost of u below 1/64 of a level.
    assert np.abs(images - exact[:, :, None, None]).max() <= 0.5 + 1 / 64


@pytest.mark.parametrize("name", LOOKS)
def test_an_image_is_the_same_in_any_batch(name):
    images = images_of(name, HEARTS)
    everything = images[:]
    order = np.random.default_rng(0).permutation(1024)
    assert (images[order] == everything[order]).all()
    assert (images[[5, 5, -1]] == everything[[5, 5, -1]]).all()
    assert (images[17] == everything[17]).all() and images[17].shape == (3, 64, 64)
    assert (images[10:400:7] == everything[10:400:7]).all()
    mask = order % 3 == 0
    assert (images[mask] == everything[torch.from_numpy(mask)]).all()
    assert images[[]].shape == (0, 3, 64, 64)
    assert images[torch.tensor([[1, 2], [3, 4]])].shape == (2, 2, 3, 64, 64)
    assert (images_of(name, HEARTS)[:] == everything).all()
    assert len({image.tobytes() for image in everything.numpy()}) == 1024
    assert (images_of(name, HEARTS, seed=1)[:] != everything).float().mean() > 0.02
    with pytest.raises(IndexError):
        images[[0, 1024]]


@pytest.mark.parametrize("name", LOOKS)
def test_images_move_with_what_they_are_made_of(name):
    images = images_of(name, HEARTS)
    assert images.to("cpu") is images
    moved = images.to("meta")
    assert moved.device.type == "meta"
    assert all(table.device.type == "meta" for table in moved.tables)


@pytest.fixture
def twin(home):
    """A home whose file of drawn sprites is there; of its 377 MB a few are written, the rest 0."""
    bits = np.lib.format.open_memmap(
        home / "data" / "dsprites-twin-1.npy", "w+", np.uint8, (737_280, 512)
    )
    bits[-1024:] = HEARTS
    bits.flush()
    keep_digests(home / "data" / "dsprites-twin-1.npy", {"sha256": SHA256})
    return home


def write_jpeg(path, size, **options):
    path.parent.mkdir(exist_ok=True)
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, "JPEG", **options)


@pytest.mark.parametrize("name", ["color_dsprites", "noisy_dsprites", "scream_dsprites"])
def test_twin_says_what_it_is(twin, name):
    write_jpeg(twin / "data" / "scream" / "scream.jpg", (700, 900))
    dataset = load(name, source="twin", look_seed=3)
    assert dataset.name == name and dataset.is_twin and dataset.is_grid
    look = name.split("_")[0]
    assert dataset.note.startswith(f"{look.capitalize()} dSprites redrawn by replearn;")
    assert dataset.digest.startswith(f"{look}-dsprites 1 (look_seed 3)")
    assert dataset.digest.endswith("on dsprites-twin 1")
    sprites = load("dsprites", source="twin")
    assert dataset.factor_space == sprites.factor_space
    image, mask = dataset.images[-5].numpy(), sprites.images[-5].numpy() > 0
    np.testing.assert_array_equal(mask[0], MASKS[-5, 0])
    if look != "scream":
        assert (image[:, mask[0]] == image[:, mask[0]][:, :1]).all()
    else:
        assert " with " in dataset.digest
    assert (load(name, source="twin").images[-5].numpy() != image).any()


@pytest.mark.parametrize("seed", [-1, 0.5, "0", True, 2**63])
def test_look_seed_that_is_none_is_one_sentence(seed):
    with pytest.raises(InputError, match=r"expected look_seed to be an integer >= 0, got"):
        load("noisy_dsprites", look_seed=seed)


def test_picture_is_asked_for(twin):
    with pytest.raises(
        InputError,
        match=r"scream_dsprites needs scream.jpg, which is in none of .*scream, .*; get it with "
        r"`python -m dataset get scream_dsprites` \(from https://upload.wikimedia.org/.*"
        r"The_Scream.jpg\), or put the picture there yourself",
    ):
        load("scream_dsprites")


def test_missing_sprites_are_one_sentence(home):
    with pytest.raises(InputError, match=r"dsprites needs .*hdf5 or .*npz, which is in none of"):
        load("color_dsprites", source="real")


# The longest sides that fit 350 x 274: 900 -> 274 rows, 700 · 274 / 900 = 213.1 columns, and so on.
@pytest.mark.parametrize(
    ("size", "thumbnail"),
    [((700, 900), (274, 213)), ((1400, 400), (100, 350)), ((99, 80), (80, 99))],
)
def test_thumbnail_has_the_size_counted_by_hand(tmp_path, size, thumbnail):
    write_jpeg(tmp_path / "scream.jpg", size)
    assert read_picture(tmp_path / "scream.jpg").shape == (3, *thumbnail)


def test_colours_of_a_picture_keep_their_channels(tmp_path):
    Image.new("RGB", (500, 600), (200, 100, 30)).save(tmp_path / "scream.jpg", quality=100)
    picture = read_picture(tmp_path / "scream.jpg").int()
    assert (picture - torch.tensor([200, 100, 30])[:, None, None]).abs().max() <= 2
    Image.new("L", (500, 600), 77).save(tmp_path / "grey.jpg", quality=100)
    assert (read_picture(tmp_path / "grey.jpg").int() - 77).abs().max() <= 1


def foreign(path, kind):
    if kind == "text":
        path.write_text("no picture")
    elif kind == "png":
        Image.new("RGB", (300, 300)).save(path, "PNG")
    elif kind == "truncated":
        write_jpeg(path, (700, 900))
        path.write_bytes(path.read_bytes()[:9000])
    elif kind == "narrow":
        write_jpeg(path, (64, 200))
    else:  # a header that promises width x height, in the fields of its frame
        write_jpeg(path, (100, 100))
        content = bytearray(path.read_bytes())
        frame = content.index(b"\xff\xc0") + 5
        width, height = {"bomb": (65_000, 65_000), "large": (12_000, 9_000)}[kind]
        content[frame : frame + 4] = height.to_bytes(2, "big") + width.to_bytes(2, "big")
        path.write_bytes(content)


@pytest.mark.parametrize("genuine", [True, False])
def test_downloaded_picture_is_read_before_it_is_kept(home, genuine):
    if genuine:
        write_jpeg(home / "published.jpg", (700, 900))
    else:  # what an address delivers that has moved
        (home / "published.jpg").write_text("<html>gone</html>")

    class Here(SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=home)

        def log_message(self, format, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Here) as server:
        threading.Thread(target=server.serve_forever).start()
        address = f"http://127.0.0.1:{server.server_port}/published.jpg"
        file = replace(SCREAM, urls=(address,))
        try:
            if genuine:
                assert read_picture(file.download()).shape == (3, 274, 213)
            else:
                with pytest.raises(InputError, match=r"as a JPEG .* downloaded now; it is deleted"):
                    file.download()
        finally:
            server.shutdown()
    assert bool(file.candidates()) == genuine


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("text", r"cannot be read as a JPEG \(.*; delete it and get it again from https"),
        ("png", r"cannot be read as a JPEG \(.*; delete it and get it again from https"),
        ("truncated", r"cannot be read as a JPEG \(.*truncated.*get it again from https"),
        (
            "narrow",
            r"a thumbnail of 64 x 200 pixels, too small for random.*; delete it",
        ),
        ("bomb", r"is too large for a picture \(.*; delete it and get it from https"),
        ("large", r"is too large for a picture \("),
    ],
)
def test_foreign_picture_is_one_sentence(tmp_path, kind, sentence):
    path = tmp_path / "scream.jpg"
    foreign(path, kind)
    with pytest.raises(
        InputError, match=rf"scream.jpg {'gives ' if kind == 'narrow' else ''}{sentence}"
    ):
        read_picture(path)
