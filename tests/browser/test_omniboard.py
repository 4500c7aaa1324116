"""What a user sees of a study in Omniboard, in a real Chromium, against what the database holds."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import gridfs
import pytest
from PIL import Image

from replearn.errors import InputError
from replearn.runs.omniboard import (
    CUSTOM_COLUMNS,
    METRIC_COLUMNS,
    find_node,
    seed_columns,
    start_omniboard,
    stop_omniboard,
)

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[1]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
TRAINING = (
    "experiments.unsupervised with fast training.beta dataset.circles "
    "model.burgess model.latent_size=4 tags=['quickstart']"
)


def run_study(folder: Path) -> None:
    """Train with beta 1 and 8 on images that have factors, and analyse the second network."""
    environment = os.environ | {"REPLEARN_HOME": str(folder), "MPLBACKEND": "agg"}
    for command in (
        f"{TRAINING} training.loss.params.beta=1 seed=0",
        f"{TRAINING} training.loss.params.beta=8 seed=1",
        "analysis.model with fast run=2",
    ):
        subprocess.run(
            [sys.executable, "-m", *command.split()],
            cwd=CHECKOUT / "scripts",
            env=environment,
            check=True,
            timeout=120,
        )


@pytest.fixture
def page(database, mongo_server, tmp_path):
    """The address of an Omniboard that shows a study."""
    try:
        find_node()
    except InputError as error:
        pytest.skip(str(error))
    if not (CHECKOUT / "node_modules" / "playwright-core").exists():
        pytest.skip("playwright-core is not installed: run bin/setup --node")
    if CHROMIUM is None:
        pytest.skip("there is no Chromium: apt-get install chromium")
    run_study(tmp_path)
    seed_columns(database)
    yield start_omniboard(mongo_server, database.name, tmp_path / "omniboard")
    stop_omniboard(tmp_path / "omniboard")


@pytest.mark.slow
def test_a_user_sees_the_table_a_plot_the_config_the_output_a_picture_and_the_report(
    page, database, tmp_path
):
    (tmp_path / "shots").mkdir()
    done = subprocess.run(
        [find_node(), HERE / "look.cjs", page, CHROMIUM, "2", "3", "reconstructions.png"]
        + [tmp_path / "shots"],
        capture_output=True,
        text=True,
        timeout=150,
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    training = database.runs.find_one({"_id": 2})

    header, *rows = seen["table"]
    table = [dict(zip(header, row, strict=True)) for row in rows]
    assert [row["Id"] for row in table] == ["3", "2", "1"]
    assert {row["Status"] for row in table} == {"COMPLETED"}
    assert set(CUSTOM_COLUMNS) | set(METRIC_COLUMNS) <= set(header)
    assert [(row["Beta"], row["Seed"]) for row in table[1:]] == [("8", "1"), ("1", "0")]
    assert [row["Tags"] for row in table[1:]] == ["quickstart", "quickstart"]
    assert float(table[1]["Reconstruction"]) == pytest.approx(training["result"]["reconstruction"])

    analysis = database.runs.find_one({"_id": 3})["result"]
    for score in ("Disentanglement", "Completeness", "Informativeness"):
        assert float(table[0][score]) == pytest.approx(analysis[f"dci_{score.lower()}"])

    # Omniboard draws each curve twice, as it is and smoothed (by nothing, at first).
    metrics = {metric["name"]: metric for metric in database.metrics.find({"run_id": 2})}
    assert {"train.loss", "val.loss"} <= set(metrics) == set(seen["legend"])
    curves = {name: (x, y) for name, x, y in seen["curves"]}
    for name, metric in metrics.items():
        assert curves[name][0] == metric["steps"]
        assert curves[name][1] == pytest.approx(metric["values"])
    assert metrics["train.loss"]["steps"][-1] == 20

    assert '"latent_size":4' in seen["config"] and '"beta":8' in seen["config"]
    assert "20/20" in seen["output"]

    files = gridfs.GridFS(database)
    stored = {a["name"]: a["file_id"] for a in database.runs.find_one({"_id": 3})["artifacts"]}
    with Image.open(files.get(stored["reconstructions.png"])) as picture:
        assert seen["picture"] == list(picture.size)
    assert "Run 2" in seen["report"] and len(seen["report"]) > 100
