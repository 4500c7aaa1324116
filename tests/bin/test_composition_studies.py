"""The studies of composition and generalisation: their conditions are those of the papers."""

import os
import subprocess
from pathlib import Path

import pytest

from experiments import composition
from replearn.dataset.splits import COMBINED, FAMILIES, SPLITS, resolve_holdout
from replearn.runs.config import parse_value
from replearn.sweep.grid import expand
from replearn.sweep.plan import make_plan

ROOT = Path(__file__).resolve().parents[2]
STUDIES = ("composition", "decoding", "controls")
# The table of both papers' code (lost-in-latent-space, disent-and-gen); of those that exclude the
# same images under two names, one. sqr2tx_flnk excludes those of sqr2tx_cent.
PUBLISHED = {
    "dsprites": {
        "r2e": "leave1out",
        "r2r": "sqr2tx ell2tx sqr2scl sqr2tx_cent sqr2tx_rs sqr2tx_ls",
        "extrp": "blank_side",
    },
    "shapes3d": {
        "interp": "odd_ohue odd_wnf_hue",
        "r2e": "leave1out shape2ohue",
        "r2r": "ohue2whue fhue2whue shape2ohue shape2fhue shape2ohueq shape2orient shape2ohue_flnk "
        "ohue+whue2fhue",
        "extrp": "missing_fh",
    },
    "mpi3d": {
        "r2e": "leave1out",
        "r2r": "cyl2hx cyl2vx redoc2hx bkg2cyl",
        "extrp": "horz_gt20 objc_gt3",
    },
    "circles": {"r2r": "midpos shape2px"},
    "simple": {"r2r": "midpos shape2px"},
    "twoshapes": {"r2r": "huecomb"},
}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def sweeps(tmp_path_factory):
    """The words of each sweep of an experiment that `--paper` prints, by study."""
    environment = {
        **os.environ, "REPLEARN_HOME": str(tmp_path_factory.mktemp("home")),
        "REPLEARN_DATA": str(ROOT / "data"), "MONGO_URL": "mongodb://127.0.0.1:9",
    }  # fmt: skip
    return {study: _sweeps(study, environment) for study in STUDIES}


def _sweeps(study, environment):
    command = [ROOT / "bin" / f"run-{study}", "--paper", "--dry-run"]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    lines = [line for line in said.stdout.splitlines() if " sweep experiments." in line]
    script = "\n".join(f"printf '%s\\0' {line}; echo" for line in lines)
    words = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    return [line.split("\0")[3:-1] for line in words.stdout.splitlines()]


def sections(words):
    """The `dataset` sections that the words of a sweep stand for, if it names any."""
    chosen = [word for word in words if word.startswith("dataset.")]
    for point in expand(chosen) if chosen else ():
        pairs = [word.removeprefix("dataset.").partition("=") for word in point]
        yield {
            key if equals else "name": parse_value(value) if equals else key
            for key, equals, value in pairs
        }


def test_every_published_condition_is_trained_and_no_other_name(sweeps):
    trained = set()
    for words in (words for study in sweeps.values() for words in study):
        for section in sections(words):
            known = resolve_holdout(section)
            family = FAMILIES[section["name"]]
            name = family, known["condition"], known["variant"]
            trained |= {name, (*name, tuple(known["modifiers"] or ()))}
    wanted = {
        (family, condition, variant)
        for family, conditions in PUBLISHED.items()
        for condition, variants in conditions.items()
        for variant in variants.split()
    }
    assert wanted | set(COMBINED) <= trained
    assert all(variant in SPLITS[family][kind] for family, kind, variant in wanted)


def test_a_condition_has_all_models_of_the_paper(sweeps):
    points = [
        point
        for words in sweeps["composition"]
        if words[0] == "experiments.composition" and "dataset.variant=sqr2tx" in words
        for point in make_plan(composition.ex, expand(words[2:]))
    ]
    models = {
        (config["model"]["name"], config["training"]["loss"]["name"],
         config["model"]["composition_op"])
        for config in (point.config for point in points)
    }  # fmt: skip
    assert models == {
        *(("vae", loss, op) for loss in ("vae", "wae_mmd") for op in ("interp", "fixint")),
        ("cascade_vae", "cascade_vae", "interp"),
        ("lie_group_vae", "lie_group_vae", "interp"),
    }  # fmt: skip
    assert len(points) == 6 * 5
    for training in (point.config["training"] for point in points):
        assert (training["epochs"], training["steps"], training["batch_size"]) == (100, None, 64)
        assert training["optimizer"]["params"]["lr"] == 1e-4


def test_controls_and_halves(sweeps):
    trained = [s for words in sweeps["controls"] for s in sections(words)]
    assert {"shape"} == {s["rebalance"] for s in trained if "rebalance" in s}
    (finetune,) = (words for words in sweeps["controls"] if words[0] == "experiments.finetune")
    assert "freeze=encoder,decoder" in finetune
