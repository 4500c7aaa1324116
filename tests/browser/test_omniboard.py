"""What a user sees in Omniboard, in a real Chromium: the table, a run, its plot, its pictures."""

import json
import shutil
import subprocess
from pathlib import Path

import matplotlib
import pytest
from sacred import Experiment

from replearn.errors import InputError
from replearn.runs.observer import RunObserver
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


def store_study(database, folder: Path) -> None:
    """Six tracked runs, beta in {1, 8} x seeds {0, 1, 2}, as the quickstart leaves them."""
    matplotlib.use("agg")
    from matplotlib import pyplot as plt

    for beta in (1.0, 8.0):
        for seed in range(3):
            ex = Experiment("unsupervised", save_git_info=False)
            ex.add_config(
                dataset={"name": "dsprites"},
                model={"name": "vae", "encoder": "kim", "latent_size": 10},
                training={"loss": {"name": "beta_vae", "params": {"beta": beta}}},
                tags=["quickstart"],
                seed=seed,
            )

            @ex.main
            def train(_run, beta=beta):
                print(f"what the run said with beta {beta}")
                for step in range(0, 200, 20):
                    _run.log_scalar("train.loss", 500.0 / (1 + step), step)
                    _run.log_scalar("val.loss", 510.0 / (1 + step), step)
                figure, axes = plt.subplots(figsize=(3, 2), dpi=100)
                axes.plot([1, 2, 3])
                figure.savefig(folder / "reconstructions.png")
                plt.close(figure)
                (folder / "report.html").write_text("<h1>What the run has learned</h1>")
                for name in ("reconstructions.png", "report.html"):
                    _run.add_artifact(folder / name)
                return {"loss": 31.5, "reconstruction": 21.25, "kl": 10.25, "active_latents": 7}

            ex.observers.append(RunObserver(database, {}, spool_folder=folder / "spool"))
            ex.run()


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
    store_study(database, tmp_path)
    seed_columns(database)
    yield start_omniboard(mongo_server, database.name, tmp_path / "omniboard")
    stop_omniboard(tmp_path / "omniboard")


@pytest.mark.slow
def test_a_user_finds_a_run_and_sees_its_plot_config_output_picture_and_report(page, tmp_path):
    (tmp_path / "shots").mkdir()
    done = subprocess.run(
        [find_node(), HERE / "look.cjs", page, CHROMIUM, "4", "reconstructions.png"]
        + [tmp_path / "shots"],
        capture_output=True,
        text=True,
        timeout=150,
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)

    header, *rows = seen["table"]
    table = [dict(zip(header, row, strict=True)) for row in rows]
    assert [row["Id"] for row in table] == ["6", "5", "4", "3", "2", "1"]
    assert {row["Status"] for row in table} == {"COMPLETED"}
    assert set(CUSTOM_COLUMNS) | set(METRIC_COLUMNS) <= set(header)
    assert [(row["Beta"], row["Seed"]) for row in table[:4]] == [
        ("8", "2"), ("8", "1"), ("8", "0"), ("1", "2"),
    ]  # fmt: skip
    assert {row["Reconstruction"] for row in table} == {"21.25"}
    assert {round(float(row["Held-out loss"]), 3) for row in table} == {2.818}  # 510 / 181
    assert "quickstart" in table[0]["Tags"]
    assert set(seen["legend"]) == {"train.loss", "val.loss"}
    curves = {name: [x, y] for name, x, y in seen["curves"]}
    steps = list(range(0, 200, 20))
    assert curves["train.loss"] == [steps, [500 / (1 + step) for step in steps]]
    assert '"latent_size":10' in seen["config"] and '"beta":8' in seen["config"]
    assert "what the run said with beta 8.0" in seen["output"]
    assert seen["picture"] == [300, 200]
    assert seen["report"].strip() == "What the run has learned"
