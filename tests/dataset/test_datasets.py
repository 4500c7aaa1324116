"""The registry: every declaration says what its loader then gives; importing it is cheap."""

import inspect
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from replearn.dataset import DATASETS, DECLARATIONS, load, pages
from replearn.errors import InputError


@pytest.mark.parametrize("name", DATASETS)
def test_declaration_says_what_is_loaded(name):
    declaration = DECLARATIONS[name]
    if declaration.files and not declaration.drawn and not all(map(_is_here, declaration.files)):
        pytest.skip(f"real data: the files of {name} are not here")
    dataset = load(name)
    assert dataset.name == name
    assert len(dataset) == declaration.n_images
    assert dataset.image_shape == declaration.image_shape
    assert dataset.factor_space == declaration.factor_space
    assert dataset.class_names == declaration.class_names
    assert dataset.digest
    assert bool(dataset.note) == (dataset.is_twin or name == "smallnorb")
    if dataset.factor_space is not None:
        assert dataset.is_grid == (name != "celeba")
        assert dataset.factors.shape == (len(dataset), len(dataset.factor_space.names))
        lengths = tuple(len(values) for values in dataset.factor_space.values)
        assert lengths == dataset.factor_space.sizes
    if dataset.class_names:
        assert dataset.labels.shape == (len(dataset),)
        assert set(np.unique(dataset.labels)) == set(range(len(dataset.class_names)))
    batch = dataset.batch(np.linspace(0, len(dataset) - 1, 100).astype(int))
    if name == "smallnorb":  # keeps what interpolation overshoots
        batch = batch.clamp(0, 1)
    assert batch.min() >= 0 and 0.9 < batch.max() <= 1
    part = load(name, n=20, subset_seed=3)
    at = part.images.indices
    assert len(part) == 20 and (at.diff() > 0).all() and not part.is_grid
    assert (part.images[:] == dataset.images[at]).all()
    if dataset.factors is not None:
        np.testing.assert_array_equal(part.factors, dataset.factors[at])
    if dataset.labels is not None:
        np.testing.assert_array_equal(part.labels, dataset.labels[at])
    assert (part.digest, part.factor_space, part.class_names) == (
        dataset.digest, dataset.factor_space, dataset.class_names,
    )  # fmt: skip


def _is_here(file):
    return file.find() is not None


@pytest.mark.parametrize("name", DATASETS)
def test_every_parameter_has_a_default(name):
    for parameter in inspect.signature(DATASETS[name]).parameters.values():
        assert parameter.default is not parameter.empty


def test_unknown_name_is_one_sentence():
    with pytest.raises(InputError, match=r"unknown data set 'dsprits'; did you mean 'dsprites'"):
        load("dsprits")


def test_table_has_a_row_for_each():
    table = pages.dataset_table(DECLARATIONS.values())
    for name, declaration in DECLARATIONS.items():
        assert f"| `{name}` | {declaration.n_images:,} |" in table
    assert "shape 3, scale 6, orientation 40, posX 32, posY 32" in table


@pytest.mark.slow
def test_import_brings_nothing_heavy():
    code = (
        "import sys, replearn.dataset\n"
        "heavy = {'h5py', 'pooch', 'requests', 'matplotlib', 'sklearn', 'pandas', 'PIL', 'sacred',"
        " 'ignite', 'pymongo'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_readme_of_the_data_folder_names_every_file_and_digest():
    readme = (Path(__file__).parents[2] / "data" / "README.md").read_text()
    for declaration in DECLARATIONS.values():
        for file in declaration.files:
            for part in (file.name, file.sha256, file.content_sha256, file.git_sha1, *file.folders):
                assert part in readme
