"""The study of objectives: what it plans, what its tables say, and that it trains."""

import re
from dataclasses import replace

import pytest

import objectives
from experiments.unsupervised import ex
from objectives import FAST, FULL, OBJECTIVES, Lengths
from replearn.paths import root
from replearn.runs.commandline import make_run, parse
from replearn.runs.config import config_hash
from replearn.training.losses import LOSSES

# Strengths by Locatello et al. (2019), sweep.py; github.com/tolstikhin/wae, configs.py.
PUBLISHED = {
    ("beta_vae", "beta"): {1, 2, 4, 6, 8, 16},
    ("annealed_vae", "capacity"): {5, 10, 25, 50, 75, 100},
    ("factor_vae", "gamma"): {10, 20, 30, 40, 50, 100},
    ("dip_vae_i", "lambda_od"): {1, 2, 5, 10, 20, 50},
    ("dip_vae_ii", "lambda_od"): {1, 2, 5, 10, 20, 50},
    ("beta_tc_vae", "beta"): {1, 2, 4, 6, 8, 10},
    ("wae_mmd", "lambda_mmd"): {10},
    ("wae_gan", "lambda_gan"): {10},
}


def config_of(plan):
    _, updates, presets, _ = parse(ex, ["unsupervised", "with", *plan.arguments])
    return make_run(ex, None, updates, presets).config


# The vae is a beta_vae of beta = 1; the others are of models of their own.
OTHERS = {"vae", "cascade_vae", "lie_group_vae"}


def test_every_objective_is_trained_at_every_published_strength():
    found = {}
    for plan in objectives.sweep(FULL):
        loss = config_of(plan)["training"]["loss"]
        strength = plan.objective.strength
        found.setdefault((loss["name"], strength), set()).add(loss["params"][strength])
    assert {key: found[key] for key in PUBLISHED} == PUBLISHED
    auto_encoders = {name for name, loss in LOSSES.items() if loss.judges == "auto-encoder"}
    assert {name for name, _ in found} == auto_encoders - OTHERS


def test_schedules_reach_their_end_in_the_time_there_is():
    plans = {plan.objective.title: config_of(plan) for plan in objectives.strongest(FULL)}
    assert plans["annealed VAE"]["training"]["loss"]["params"]["capacity_steps"] == FULL.long / 2
    warm = [plan for plan in objectives.sweep(FULL) if plan.objective.title == "β from 10 to 1"]
    params = config_of(warm[0])["training"]["loss"]["params"]
    assert (params["beta_start"], params["beta"]) == (10, 1)
    assert params["beta_steps"] == FULL.sweep / 2


@pytest.fixture
def stored(store_run, monkeypatch, tmp_path):
    """Store finished runs with results by hand, and a page of its own: the strongest, and all β."""
    fewer = [replace(each, published=each.published[-1:]) for each in OBJECTIVES[1:]]
    monkeypatch.setattr(objectives, "OBJECTIVES", (OBJECTIVES[0], *fewer))
    monkeypatch.setattr(objectives, "PAGE", tmp_path / "objectives.md")
    empty = [f"<!-- measured: {part} -->\n<!-- end -->\n" for part in ("terms", "strengths")]
    objectives.PAGE.write_text("".join(empty))
    note = {"name": "dsprites", "is_twin": True, "note": "a twin."}

    def store(own, base=1.0, active=3):
        plans = [*objectives.sweep(FULL), *objectives.strongest(FULL)]
        first_long = len(objectives.sweep(FULL))
        for number, plan in enumerate(plans):
            terms = dict.fromkeys(objectives.OWN, base if number == first_long else own)
            config = config_of(plan)
            store_run(
                config | {"tags": [FULL.tag]},
                identity={"config_hash": config_hash(config)}, info={"dataset": note},
                result={
                    "loss": 100.0 + plan.strength, "reconstruction_ratio": 0.5,
                    "active_latents": active, **terms,
                },
            )  # fmt: skip

    return store


def test_the_tables_say_which_term_is_as_it_should_be(stored, capsys):
    stored(own=0.5)
    # Below 1 everywhere: only the KL term of 0.5 nats does not follow the capacity of 100.
    assert objectives.main(["--tables"]) == 1
    said = capsys.readouterr().out
    assert "not as it should be after 800 steps: annealed VAE\n" in said
    page = objectives.PAGE.read_text()
    row = next(line for line in page.splitlines() if line.startswith("| FactorVAE | gamma = 100 "))
    assert "| total correlation, nats | lower | 1 | 0.5 | yes | 0.5 | 0.50 | 20 |" in row
    assert re.search(
        r"\| annealed VAE \| capacity = 100 .*\| 100 ± 10% \| 1 \| 0.5 \| \*\*no\*\*", page
    )
    assert "| β-VAE | beta = 1, 2, 4, 6, 8, 16 | 101, 102, 104, 106, 108, 116 | 0.5, 0.5," in page
    assert "runs 17-25 · database test_" in page and "steps 800 · seeds 1 · a twin." in page
    assert "runs 1-16 · database test_" in page and "cores, torch" in page


def test_terms_that_are_higher_or_equal_are_not_as_they_should_be(stored, capsys):
    stored(own=91.0, base=91.0)
    assert objectives.main(["--tables"]) == 1
    wrong = capsys.readouterr().out.rpartition("steps: ")[2].strip().split(", ")
    # 91 nats are within a tenth of 100.
    assert wrong == [each.title for each in OBJECTIVES if each.own and not each.follows]


def test_terms_of_latents_that_are_not_in_use_are_no_evidence(stored, capsys):
    stored(own=0.0, active=0)
    assert objectives.main(["--tables"]) == 1
    wrong = capsys.readouterr().out.rpartition("steps: ")[2].strip().split(", ")
    assert wrong == [each.title for each in OBJECTIVES if each.own]
    assert objectives.PAGE.read_text().count("| **no latent in use** |") == len(wrong)


def test_a_run_that_is_missing_is_one_sentence(database, store_run, capsys):
    store_run({"seed": 0, "tags": [FULL.tag]}, identity={"config_hash": "other"})
    assert objectives.main(["--tables"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: no finished run of 'python -m experiments.unsupervised with")
    assert "bin/run-objectives trains it" in said


@pytest.fixture
def small(monkeypatch, database, tmp_path):
    """Two objectives on a small data set."""
    monkeypatch.setenv("REPLEARN_HOME", str(tmp_path))
    common = ("dataset.circles", "model.burgess", "training.validate_every=10")
    monkeypatch.setattr(objectives, "COMMON", common)
    chosen = [each for each in OBJECTIVES if each.loss in ("beta_vae", "dip_vae_i")][:2]
    monkeypatch.setattr(objectives, "OBJECTIVES", tuple(chosen))
    return database


@pytest.mark.slow
def test_it_trains_once_and_prints_its_tables_and_leaves_the_page_alone(small, capsys):
    before = objectives.PAGE.read_text()
    for time in range(2):
        assert objectives.main(["--fast"]) == 0
        said = capsys.readouterr().out
        assert "| DIP-VAE-I | lambda_od = 50 | squared covariances | lower |" in said
        assert said.count("skipped: run") == 5 * time
        assert small.runs.count_documents({"status": "COMPLETED"}) == 5
    assert objectives.PAGE.read_text() == before


@pytest.mark.slow
def test_a_run_that_diverges_stops_the_study(small, monkeypatch, capsys):
    diverging = (*objectives.COMMON, "training.optimizer.params.lr=1e12")
    monkeypatch.setattr(objectives, "COMMON", diverging)
    monkeypatch.setattr(objectives, "FAST", Lengths(6, 6, "objectives-fast"))
    assert objectives.main(["--fast"]) == 1
    said = capsys.readouterr().err
    assert "training has diverged" in said
    assert "The study has failed at: python -m experiments.unsupervised with" in said


def test_the_page_names_every_measured_number():
    text = (root() / "docs" / "objectives.md").read_text()
    assert all(f"`{key}`" in text for key in objectives.OWN)
    assert set(re.findall(r"<!-- measured: (\w+) -->", text)) == {"terms", "strengths"}


def test_a_fast_study_is_short_and_apart():
    assert len(objectives.sweep(FAST)) == len(OBJECTIVES)
    assert FAST.tag != FULL.tag
