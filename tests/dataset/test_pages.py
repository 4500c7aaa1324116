"""The tables of the docs: sizes for people, files once, digests in full."""

import pytest

from replearn.dataset import DECLARATIONS, pages
from replearn.dataset.declaration import readable
from replearn.dataset.files import DataFile
from replearn.dataset.splits import MODIFIERS, SPLITS


def all_sets():
    return DECLARATIONS.values()


def rows_of(table):
    lines = [line.strip("| ").split(" | ") for line in table.splitlines()]
    assert len({len(line) for line in lines}) == 1
    return [dict(zip(lines[0], line, strict=True)) for line in lines[2:]]


def test_every_data_set_has_a_row_and_says_its_terms():
    rows = {row["name"]: row for row in rows_of(pages.dataset_table(DECLARATIONS.values()))}
    assert set(rows) == {f"`{name}`" for name in DECLARATIONS}
    assert rows["`mpi3d_real`"]["terms"] == "CC BY 4.0"
    assert rows["`cars3d`"]["terms"] == "none stated"
    assert rows["`circles`"]["terms"] == "those of replearn"
    assert rows["`celeba`"]["factors or classes"] == "40 attributes"


def test_every_hold_out_has_a_row_below_its_data_sets():
    sections = pages.split_section().split("### ")[1:]
    assert [s.count("`mpi3d_like`") for s in sections] == [0, 0, 1, 0, 0, 0]
    assert "| `r2r` | `sqr2tx` | Squares in the right half. | " in sections[0]
    assert "`horizontal_axis > 20`, trained on `horizontal_axis < 20` | 518,400 |" in sections[2]
    for family, section in zip(SPLITS, sections, strict=True):
        names = {v for variants in SPLITS[family].values() for v in variants} | {*MODIFIERS[family]}
        assert names <= set(section.split("`"))
    assert len(rows_of(pages.combined_table())) == 8
    assert [row["`dataset.condition`"] for row in rows_of(pages.condition_table())] == [
        "`interp`", "`r2e`", "`r2r`", "`extrp`"
    ]  # fmt: skip


def test_values_have_names_where_they_are_published():
    rows = [tuple(row.values()) for row in rows_of(pages.value_table(all_sets()))]
    named = {(names, factor): values for names, factor, values in rows}
    sprites = ", ".join(f"`{look}dsprites`" for look in ("color_", "", "noisy_", "scream_"))
    assert named[sprites, "`shape`"] == "square, ellipse, heart"
    assert named["`shapes3d`", "`shape`"] == "cube, cylinder, sphere, capsule"
    arms = "`mpi3d_like`, `mpi3d_real`, `mpi3d_realistic`, `mpi3d_toy`"
    assert named[arms, "`object_color`"] == "white, green, red, blue, brown, olive"
    assert named["`smallnorb`", "`category`"] == "animal, human, airplane, truck, car"
    for declaration in all_sets():
        space = declaration.factor_space
        for factor, names in (space.value_names if space else {}).items():
            assert len(set(names)) == space.sizes[space.names.index(factor)]


def test_files_stand_once_with_size_checksum_and_their_data_sets():
    rows = rows_of(pages.file_table(DECLARATIONS.values()))
    (hdf5,) = (row for row in rows if "co1sh3sc6or40x32y32_64x64.hdf5" in row["file"])
    assert hdf5["data set"] == "`color_dsprites`, `dsprites`, `noisy_dsprites`"
    # Sizes as TensorFlow Datasets records them.
    assert (hdf5["size"], hdf5["checksum"]) == ("28.0 MB", "sha256")
    (scream,) = (row for row in rows if "The_Scream" in row["file"])
    assert (scream["size"], scream["checksum"]) == ("not known", "none published")
    checksums = [row["checksum"] for row in rows if "/mpi3d_" in row["file"]]
    assert checksums == ["md5"] * 3


def test_digests_stand_in_full():
    table = pages.digest_table(DECLARATIONS.values())
    for declaration in DECLARATIONS.values():
        for file in declaration.files:
            assert all(digest in table for digest in file.digests.values())
            assert file.name in table


def test_pictures_are_shown_where_there_are_some():
    text = pages.picture_section(DECLARATIONS.values(), {"digits"})
    assert "![samples of digits](datasets/digits.png)" in text
    assert text.count("No picture: its files were not at hand.") == len(DECLARATIONS) - 1


@pytest.mark.parametrize(
    ("size", "said"),
    [(0, "0 bytes"), (999, "999 bytes"), (28_024_106, "28.0 MB"), (267_573_662, "268 MB"),
     (1_443_490_838, "1.4 GB"), (999_960, "1.0 MB"), (99_960, "100 kB")],
)  # fmt: skip
def test_sizes_are_for_people(size, said):
    assert readable(size) == said


@pytest.mark.parametrize(
    ("digests", "checksum", "verification"),
    [
        ({"sha256": "a" * 64, "md5": "b" * 32}, "sha256", "its sha256 is that of the published"),
        ({"md5": "b" * 32}, "md5", "published file (bbbbbbbbbbbb…)"),
        ({"git_sha1": "c" * 40}, "git blob", "its git blob is that of the published file"),
        (
            {"content_sha256": "d" * 64, "sha256": "a" * 64},
            "sha256",
            "sha256 of its content is that",
        ),
        ({}, "none published", "no checksum is published: it is taken by its name"),
    ],
)
def test_checksums_are_named(digests, checksum, verification):
    file = DataFile("file", **digests)
    assert file.checksum == checksum
    assert verification in file.verification
