"""The study of similarity: its grid is the published one, and its pictures can be drawn."""

import os
import subprocess
from pathlib import Path

import pytest

from analysis import similarity, visualise
from experiments import unsupervised
from replearn.study.visualisation import TOOLS
from replearn.sweep.grid import expand
from replearn.sweep.plan import make_plan

ROOT = Path(__file__).resolve().parents[2]
STRENGTHS = {
    "beta_vae": ("beta", {1, 2, 4, 6, 8}),
    "beta_tc_vae": ("beta", {1, 2, 4, 6, 8}),
    "annealed_vae": ("capacity", {5, 10, 25, 50, 75}),
    "dip_vae_ii": ("lambda_od", {1, 2, 5, 10, 20}),
}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=["fast", "paper"])
def printed(request, tmp_path_factory):
    """The size, and the words of each command that a dry run prints, as a shell reads them."""
    # No server is at this address: whoever asked it would fail.
    home = tmp_path_factory.mktemp("home")
    environment = {
        **os.environ, "REPLEARN_HOME": str(home), "REPLEARN_DATA": str(ROOT / "data"),
        "MONGO_URL": "mongodb://127.0.0.1:9",
    }  # fmt: skip
    command = [ROOT / "bin" / "run-vae-similarity", f"--{request.param}", "--dry-run"]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    lines = [line for line in said.stdout.splitlines() if line.startswith("python -m ")]
    words = [
        subprocess.run(
            ["bash", "-c", f"printf '%s\\0' {line}"], capture_output=True, text=True, check=True
        ).stdout.split("\0")[2:-1]
        for line in lines
    ]
    return request.param, words


def points(printed, module):
    """The points of all sweeps of an experiment or analysis, each configuration once."""
    name = module.__name__
    found = {}
    for words in printed[1]:
        if name in words:
            grid = expand(words[words.index(name) + 2 :])
            found |= {point.config_hash: point.config for point in make_plan(module.ex, grid)}
    return list(found.values())


def test_the_grid_is_that_of_the_paper(printed):
    size, _ = printed
    configs = points(printed, unsupervised)
    strengths: dict[str, set] = {}
    for config in configs:
        loss = config["training"]["loss"]
        name, _ = STRENGTHS[loss["name"]]
        strengths.setdefault(loss["name"], set()).add(loss["params"][name])
    if size == "fast":
        assert strengths == {"beta_vae": {4, 8}, "dip_vae_ii": {5, 20}} and len(configs) == 8
        return
    assert strengths == {name: values for name, (_, values) in STRENGTHS.items()}
    assert {config["seed"] for config in configs} == {0, 1, 2, 3, 4}
    assert len(configs) == 4 * 5 * 5 * 3
    for config in configs:
        training, params = config["training"], config["training"]["loss"]["params"]
        assert (config["model"]["encoder"], config["model"]["latent_size"]) == ("locatello", 10)
        assert (training["steps"], training["batch_size"]) == (300_000, 64)
        assert training["optimizer"]["name"] == "adam"
        assert training["optimizer"]["params"]["lr"] == 1e-4
        if training["loss"]["name"] == "annealed_vae":
            assert (params["gamma"], params["capacity_steps"]) == (1000, 100_000)
        if training["loss"]["name"] == "dip_vae_ii":
            assert params["lambda_d"] in (None, params["lambda_od"])


def test_every_picture_is_one_that_can_be_drawn(printed):
    size, _ = printed
    tools = {config["tool"] for config in points(printed, visualise)}
    assert tools == ({"heatmap", "layer_pair", "tsne", "mds"} if size == "fast" else set(TOOLS))
    assert bool(points(printed, similarity)) == (size != "fast")
