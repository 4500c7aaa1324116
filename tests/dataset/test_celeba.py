"""CelebA: a small zip file and lists of the official formats, and what is said of others."""

import io
import zipfile
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from replearn.dataset import celeba
from replearn.dataset.celeba import ATTRIBUTES, load, read
from replearn.dataset.celeba_files import decoded, image_blocks, read_attributes, read_partition
from replearn.errors import InputError

SIZE = (178, 218)


def jpeg(image):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=95)
    return file.getvalue()


def smooth_faces(n):
    """Return n random smooth images (218, 178, 3), which JPEG keeps nearly as they are."""
    coarse = np.random.default_rng(0).integers(0, 256, (n, 5, 4, 3), dtype=np.uint8)
    bicubic = Image.Resampling.BICUBIC
    return np.stack([np.asarray(Image.fromarray(c).resize(SIZE, bicubic)) for c in coarse])


@pytest.fixture
def faces(tmp_path):
    """Seven faces: four for training, two for validation, one for test."""
    names = [f"{number:06d}.jpg" for number in range(1, 8)]
    images = smooth_faces(7)
    archive = tmp_path / "faces.zip"
    with zipfile.ZipFile(archive, "w") as members:
        members.mkdir("img_align_celeba")
        for name, image in reversed(list(zip(names, images, strict=True))):
            members.writestr(f"img_align_celeba/{name}", jpeg(image))
    table = np.random.default_rng(1).integers(0, 2, (7, 40))
    rows = [
        f"{name} " + " ".join(f"{sign:2d}" for sign in signs)
        for name, signs in zip(names, table * 2 - 1, strict=True)
    ]
    attributes = tmp_path / "attributes.txt"
    attributes.write_text("\n".join(["7", " ".join(ATTRIBUTES) + " ", *rows]) + "\n")
    partition = tmp_path / "partition.txt"
    parts = "0000112"
    partition.write_text("".join(f"{n} {p}\n" for n, p in zip(names, parts, strict=True)))
    paths = [archive, attributes, partition]
    return SimpleNamespace(names=names, images=images, table=table, paths=paths, folder=tmp_path)


def triangle_weights(n, m):
    """Return the (m, n) weights of a triangle filter that shrinks n pixels to m."""
    scale = n / m
    x = (np.arange(n) + 0.5 - (np.arange(m)[:, None] + 0.5) * scale) / scale
    weights = np.maximum(0, 1 - abs(x))
    return weights / weights.sum(1, keepdims=True)


@pytest.mark.parametrize(("crop", "size"), [(148, 64), (178, 32), (64, 64)])
def test_faces_are_cropped_in_the_middle_and_shrunk(faces, crop, size):
    (block,) = image_blocks(faces.paths[0], faces.names, SIZE, crop, size, n_threads=2)
    left, top = (178 - crop) // 2, (218 - crop) // 2
    weights = triangle_weights(crop, size)
    for face, image in zip(block, faces.images.astype(float), strict=True):
        middle = image[top : top + crop, left : left + crop]
        expected = weights @ middle.transpose(2, 0, 1) @ weights.T
        assert abs(face - expected).mean() < 2  # grey levels, lost by JPEG
        assert abs(face - expected).max() < 16


def test_parts_factors_and_labels(faces, home):
    parts = {split: read(faces.paths, split, 64, 148, "Young") for split in ("val", "test", "all")}
    assert [len(part) for part in parts.values()] == [2, 1, 7]
    whole = parts["all"]
    np.testing.assert_array_equal(whole.factors, faces.table)
    assert whole.labels.tolist() == faces.table[:, 39].tolist()
    assert whole.class_names == ("not Young", "Young")
    assert parts["val"].labels.tolist() == faces.table[4:6, 39].tolist()
    assert (parts["val"].images[:] == whole.images[4:6]).all()
    assert whole.factor_space.names[31] == "Smiling" and not whole.is_grid
    none = read(faces.paths, "all", 64, 148, None)
    assert none.labels is None and none.class_names == ()
    assert len(list((home / "data").glob("celeba-*-148-64-v1.npy"))) == 1


def test_list_without_the_number_of_images(faces):
    path = faces.folder / "no number.txt"
    path.write_text(faces.paths[1].read_text().partition("\n")[2])
    names, table = read_attributes(path, ATTRIBUTES)
    assert names == faces.names
    np.testing.assert_array_equal(table, faces.table)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda t: t[:-100], r"is damaged at 000007.jpg; get it again"),
        (lambda t: t.rsplit("\n", 2)[0], r"is damaged: it lists 6 of 7 images; get it again"),
        (lambda t: t.replace("Bald", "Hairy"), r"is no list of CelebA's 40 attributes"),
        (lambda t: t.replace("000003.jpg  1", "000003.jpg  2"), r"is damaged at 000003.jpg"),
        (lambda t: "", r"is no list of CelebA's 40 attributes"),
        (lambda t: "000001.jpg 0\n000002.jpg 0\n", r"is no list of CelebA's 40 attributes"),
    ],
)
def test_damaged_attribute_lists_are_one_sentence(faces, change, sentence):
    path = faces.paths[1]
    text = path.read_text().replace("000003.jpg -1", "000003.jpg  1")
    path.write_text(change(text))
    with pytest.raises(InputError, match=rf"attributes.txt {sentence}"):
        read_attributes(path, ATTRIBUTES)


def test_binary_list_is_one_sentence(faces):
    with pytest.raises(InputError, match=r"faces.zip is no text file; get it again"):
        read_attributes(faces.paths[0], ATTRIBUTES)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda t: t[:-2], r"is no list of CelebA's parts, or is cut short"),
        (lambda t: t.replace("jpg 2", "jpg 3"), r"is no list of CelebA's parts"),
        (lambda t: t.partition("\n")[2], r"lists 6 images, and not the 7 that have attributes"),
        (lambda t: t.replace("000002", "2"), r"lists 7 images, and not the 7 that have attributes"),
    ],
)
def test_damaged_partition_lists_are_one_sentence(faces, change, sentence):
    path = faces.paths[2]
    path.write_text(change(path.read_text()))
    with pytest.raises(InputError, match=rf"partition.txt {sentence}"):
        read_partition(path, faces.names)


def test_swapped_lists_are_one_sentence(faces, home):
    archive, attributes, partition = faces.paths
    with pytest.raises(InputError, match=r"partition.txt is no list of CelebA's 40 attributes"):
        read([archive, partition, attributes], "all", 64, 148, None)
    with pytest.raises(InputError, match=r"attributes.txt is no list of CelebA's parts"):
        read([archive, attributes, attributes], "all", 64, 148, None)


def blocks(path, names):
    return list(image_blocks(path, names, SIZE, 148, 64, 1))


def test_other_zip_files_are_one_sentence(faces):
    archive = faces.paths[0]
    with pytest.raises(InputError, match=r"holds 7 images, and not the 6 that have attributes; is"):
        blocks(archive, faces.names[:6])
    with pytest.raises(InputError, match=r"holds 7 images, and not the 7 that have attributes"):
        blocks(archive, [*faces.names[:6], "000009.jpg"])
    with pytest.raises(InputError, match=r"attributes.txt is damaged or no zip file; get it again"):
        blocks(faces.paths[1], faces.names)


@pytest.mark.parametrize("keep", [0, 1000, -30])
def test_truncated_zip_files_are_one_sentence(faces, keep):
    path = faces.folder / "cut.zip"
    path.write_bytes(faces.paths[0].read_bytes()[:keep])
    with pytest.raises(InputError, match=r"cut.zip is damaged or no zip file; get it again"):
        blocks(path, faces.names)


def test_damaged_bytes_in_the_zip_file_are_one_sentence(faces):
    content = bytearray(faces.paths[0].read_bytes())
    content[1000] ^= 255
    path = faces.folder / "bad.zip"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"bad.zip is damaged or no zip file; .* \(Bad CRC-32"):
        blocks(path, faces.names)


def test_foreign_images_are_one_sentence(faces):
    with pytest.raises(InputError, match=r"a.jpg is \(64, 64\), not \(178, 218\) pixels"):
        decoded(jpeg(np.zeros((64, 64, 3), np.uint8)), "a.jpg", SIZE, 148, 64)
    whole = jpeg(faces.images[0])
    png = io.BytesIO()
    Image.fromarray(faces.images[0]).save(png, "PNG")
    for content in (b"", whole[:20], whole[: len(whole) // 2], png.getvalue()):
        with pytest.raises(InputError, match=r"a.jpg is damaged or no JPEG image"):
            decoded(content, "a.jpg", SIZE, 148, 64)


def test_missing_and_renamed_files_are_one_sentence(home):
    with pytest.raises(
        InputError,
        match=r"celeba needs img_align_celeba.zip, which is in none of .*; get it with `python -m "
        r"dataset get celeba` \(from https://drive.google.com/.*\), or bring it there from https",
    ):
        load()
    (home / "data" / "img_align_celeba.zip").write_bytes(b"other")
    with pytest.raises(InputError, match=r"celeba.zip is damaged or not the published file"):
        load()


def test_bad_parameters_are_one_sentence():
    with pytest.raises(InputError, match=r"expected split to be 'train', 'val', 'test' or 'all'"):
        load("validation")
    with pytest.raises(InputError, match=r"expected size to be a number in 1\.\.512, got 0"):
        load(size=0)
    with pytest.raises(InputError, match=r"expected crop to be a number in 1\.\.178, got 179"):
        load(crop=179)
    with pytest.raises(InputError, match=r"no attribute 'Smilling'; did you mean 'Smiling'"):
        load(attribute="Smilling")


def test_published_attributes():
    assert len(set(ATTRIBUTES)) == 40
    # Their positions in the published list.
    assert [ATTRIBUTES.index(a) for a in ("Male", "Smiling", "Young")] == [20, 31, 39]


def test_real_faces(tmp_path):
    if not all(file.find() for file in celeba.FILES):
        pytest.skip("real data: the files of celeba are not here")
    counts = [len(load(split)) for split in ("train", "val", "test", "all")]
    assert counts == [162_770, 19_867, 19_962, 202_599]
    assert load("all").labels.mean() == pytest.approx(0.482, abs=0.001)  # of the faces smile
