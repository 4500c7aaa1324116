"""Worlds in which it is known whether encoder or decoder fails on excluded combinations."""

import numpy as np
import pytest
import torch
from torch import nn

from replearn.dataset.images import FactorSpace, ImageDataset
from replearn.models.autoencoder import AutoEncoder
from replearn.models.output import VAEOutput
from replearn.study.generalisation import generalise, measure, scores_of
from replearn.study.task import make_task
from replearn.training.elbo import VAELoss

SPACE = FactorSpace(("kind", "x", "y"), (4, 5, 6))
SIDE, COPIES, NOISE = 12, 8, 0.08
CONFIG = {
    "dataset": {
        "name": "world", "validation": 0.3, "split_seed": 0, "holdout": "kind == 0 and x > 2",
    },
    "training": {
        "n_validation": 150, "channels_last": False, "batch_size": 16, "steps": 7, "epochs": 1,
    },
}  # fmt: skip


class World(AutoEncoder):
    """Each factor has a latent of its own, with noise; images are linear in latents.

    Encoder and decoder are exact, but where they are told to fail.
    """

    def __init__(self, seed=0):
        super().__init__((1, SIDE, SIDE))
        rng = np.random.default_rng(seed)
        # Columns of one length and at right angles: an error in a latent is one in the image.
        basis, _ = np.linalg.qr(rng.normal(size=(SIDE * SIDE, 3)))
        self.weight = nn.Parameter(torch.from_numpy(basis.T * 5).float(), requires_grad=False)
        self.shift = torch.zeros(3)  # of latents of excluded combinations
        self.blind = False  # whether the decoder draws the mean image at these
        self.hard = False  # whether it does at all of kind 0
        self.latent_size = 3

    def clean(self, factors):
        """The latents of factors without noise."""
        return torch.from_numpy(3 * factors / (np.array(SPACE.sizes) - 1) - 1.5).float()

    def forward(self, x, generator=None):
        z = torch.logit(x.flatten(1).clamp(1e-3, 1 - 1e-3)) @ self.weight.T / 25
        z = z + self.excluded(z)[:, None] * self.shift
        return VAEOutput(self.decode(z), z, z, torch.zeros_like(z))

    def decode(self, z):
        logits = (z @ self.weight).view(-1, 1, SIDE, SIDE)
        for fails, where in (
            (self.blind, self.excluded(z)),
            (self.hard, self.factors(z)[:, 0] == 0),
        ):
            if fails:
                logits = logits * (1 - where.float()).view(-1, 1, 1, 1)
        return logits

    def factors(self, z):
        """The factors whose clean latents are nearest."""
        factors = torch.from_numpy(SPACE.factors(np.arange(len(SPACE))))
        return factors[torch.cdist(z, self.clean(factors.numpy())).argmin(1)]

    def excluded(self, z):
        """Whether these are those of an excluded combination."""
        kind, x, _ = self.factors(z).T
        return (kind == 0) & (x > 2)


@pytest.fixture
def world():
    """A function: a world, its data, and what `measure` says of it."""

    def make(noise=0.0, **faults):
        model = World()
        positions = np.repeat(np.arange(len(SPACE)), COPIES)
        factors = SPACE.factors(positions)
        random = torch.Generator().manual_seed(1)
        z = model.clean(factors) + noise * torch.randn((len(factors), 3), generator=random)
        images = (torch.sigmoid(model.decode(z)) * 255).round().to(torch.uint8)
        data = ImageDataset("world", images, factors, SPACE)
        for name, value in faults.items():
            setattr(model, name, value)
        task = make_task(CONFIG, data, torch.device("cpu"))
        arrays, parts = measure(CONFIG, model, VAELoss(), data, task)
        return scores_of(arrays, data.image_shape), arrays, (model, data, task, parts)

    return make


# Rounding to 256 grey levels: 144 pixels with errors of at most 1/510.
ROUNDING = 144 / 510**2


def test_a_perfect_sum_of_factors_generalises_and_neither_half_errs(world):
    scores, _, _ = world()
    for prefix in ("", "test_"):
        assert scores[f"{prefix}squared_error"] < ROUNDING
        assert scores[f"{prefix}encoder_error"] < ROUNDING
        assert scores[f"{prefix}decoder_error"] < ROUNDING
        assert scores[f"{prefix}ssim"] == pytest.approx(1, abs=0.01)
        assert scores[f"{prefix}additive_r2"] == pytest.approx(1, abs=1e-3)
        assert scores[f"{prefix}nll_above_entropy"] == pytest.approx(0, abs=0.02)
    # Of what rounding leaves, against the least that a residual counts as.
    assert scores["test_latent_distance"] < 2


def test_what_factors_do_not_explain_is_the_unit_of_distance(world):
    scores, _, _ = world(NOISE)
    assert scores["latent_distance"] == pytest.approx(1, abs=0.1)
    assert scores["test_latent_distance"] == pytest.approx(1, abs=0.1)
    # Three latents of noise, through orthogonal weights of length 5 and slopes of at most 1/4.
    most = 3 * NOISE**2 * 25 / 16
    for prefix in ("", "test_"):
        assert 0.3 * most < scores[f"{prefix}encoder_error"] < 1.05 * most
        assert scores[f"{prefix}decoder_error"] == pytest.approx(
            scores[f"{prefix}encoder_error"], rel=0.05
        )
        assert scores[f"{prefix}least_error"] < ROUNDING
        assert scores[f"{prefix}encoder_gap"] < ROUNDING


def test_an_encoder_that_misplaces_the_excluded_is_told_from_the_decoder(world):
    right, _, _ = world(NOISE)
    wrong, _, _ = world(NOISE, shift=torch.tensor([0.48, 0.0, 0.0]))
    # Six standard deviations in one of three latents.
    expected = np.sqrt(1 + 6**2 / 3)
    assert wrong["test_latent_distance"] == pytest.approx(expected, rel=0.15)
    assert wrong["test_encoder_error"] > 8 * right["test_encoder_error"]
    assert wrong["test_encoder_gap"] > 0.5 * wrong["test_squared_error"] > 10 * ROUNDING
    assert wrong["test_least_error"] < ROUNDING
    assert wrong["test_decoder_error"] == pytest.approx(right["test_decoder_error"], rel=1e-4)
    assert wrong["test_additive_r2"] < right["test_additive_r2"] - 0.05
    for name in ("latent_distance", "encoder_error", "decoder_error", "squared_error"):
        assert wrong[name] == pytest.approx(right[name], rel=0.15, abs=ROUNDING)


def test_a_decoder_that_cannot_draw_the_excluded_is_told_from_the_encoder(world):
    right, _, _ = world(NOISE)
    wrong, _, _ = world(NOISE, blind=True)
    assert wrong["test_latent_distance"] == pytest.approx(right["test_latent_distance"])
    assert wrong["test_probe_r2"] == pytest.approx(right["test_probe_r2"])
    assert wrong["test_decoder_error"] > 5 * right["test_decoder_error"]
    assert wrong["test_least_error"] > 100 * right["test_least_error"]
    assert wrong["test_encoder_gap"] < 0.2 * wrong["test_squared_error"]
    assert wrong["decoder_error"] == pytest.approx(right["decoder_error"], rel=0.15)


def test_what_is_as_hard_where_it_was_trained_on_is_no_failure_to_generalise(world):
    scores, arrays, _ = world(NOISE, hard=True)
    for name in ("squared_error", "nll_above_entropy", "decoder_error", "least_error"):
        assert scores[f"test_{name}"] > 2 * scores[name]
        assert scores[f"matched_{name}"] == pytest.approx(scores[f"test_{name}"], rel=0.25)
    # What fails at excluded combinations alone, combinations of the same values do not foretell.
    scores, _, _ = world(NOISE, blind=True)
    assert scores["matched_squared_error"] < 0.01 * scores["test_squared_error"]
    assert scores["matched_ssim"] == pytest.approx(scores["ssim"], abs=0.02)
    assert scores["matched_latent_distance"] == pytest.approx(scores["latent_distance"], abs=0.1)
    assert scores["matched_probe_r2"] == pytest.approx(scores["test_probe_r2"], abs=0.05)
    assert arrays["matched_squared_error"].shape == arrays["test_squared_error"].shape


def test_the_excluded_combinations_are_those_that_are_drawn_and_reported(world):
    _, arrays, (_, data, task, images) = world(NOISE)
    # Those that training watches.
    for part in ("held_out", "test"):
        assert arrays[f"{part}_positions"].tolist() == sorted(getattr(task, part).indices)
    assert arrays["factor_names"].tolist() == ["kind", "x", "y"]
    assert arrays["named"].tolist() == [0, 1]
    excluded = arrays["combinations"][arrays["combination_excluded"]]
    assert excluded.tolist() == [[0, 3], [0, 4]]
    assert len(arrays["combinations"]) == 20
    # Two combinations of 6 · 8 images each, fewer than asked for; 150 of the others.
    assert arrays["combination_n"][arrays["combination_excluded"]].tolist() == [48, 48]
    assert arrays["combination_n"].sum() == 96 + 150
    own = (arrays["held_out_factors"][:, :2] == [1, 2]).all(axis=1)
    (row,) = np.flatnonzero((arrays["combinations"] == [1, 2]).all(axis=1))
    mean = arrays["held_out_squared_error"][own].mean()
    assert arrays["combination_squared_error"][row] == pytest.approx(mean)
    rms = np.sqrt(np.square(arrays["held_out_distance"][own]).mean())
    assert arrays["combination_distance"][row] == pytest.approx(rms)
    for part, each in images.items():
        assert arrays[f"{part}_positions"].tolist() == each.positions.tolist()
        assert arrays[f"{part}_factors"].tolist() == data.factors[each.positions].tolist()
        for other in set(images) - {part}:
            assert not np.intersect1d(each.positions, images[other].positions).size


def test_scores_are_means_over_images_and_bits_are_per_pixel_value(world):
    scores, arrays, _ = world(NOISE, blind=True)
    nats = arrays["test_nll_above_entropy"].mean()
    assert scores["test_nll_above_entropy"] == pytest.approx(nats)
    assert scores["test_bits_above_entropy"] == pytest.approx(nats / np.log(2) / 144)
    assert scores["test_nll"] == pytest.approx(arrays["test_nll"].mean())
    assert all(type(value) is float for value in scores.values())
    assert "train_latent_distance" not in scores and "train_nll" in scores


class Kept:
    """What a run was given, and what it logged."""

    def __init__(self):
        self._id, self.metrics, self.files = 3, {}, {}

    def log_scalar(self, name, value, step):
        self.metrics[name] = (step, value)

    def add_artifact(self, path, name):
        self.files[name] = path.read_bytes()


def test_numbers_arrays_and_the_picture_become_those_of_the_run(world, tmp_path):
    scores, arrays, (model, data, task, _) = world(NOISE)
    run = Kept()
    assert generalise(run, CONFIG, model, VAELoss(), data, task) == pytest.approx(scores)
    assert run.metrics["test.latent_distance"] == (7, pytest.approx(scores["test_latent_distance"]))
    assert run.metrics["val.latent_distance"] == (7, pytest.approx(scores["latent_distance"]))
    assert set(run.files) == {
        "generalisation.npz", "excluded_combinations.pdf", "excluded_combinations.png",
    }  # fmt: skip
    (tmp_path / "a.npz").write_bytes(run.files["generalisation.npz"])
    with np.load(tmp_path / "a.npz") as stored:
        assert set(stored) == set(arrays)


def test_a_run_without_excluded_combinations_computes_nothing():
    plain = {**CONFIG, "dataset": {**CONFIG["dataset"], "holdout": None}}
    factors = SPACE.factors(np.arange(len(SPACE)))
    images = torch.zeros((len(SPACE), 1, SIDE, SIDE), dtype=torch.uint8)
    data = ImageDataset("world", images, factors, SPACE)
    task = make_task(plain, data, torch.device("cpu"))
    assert generalise(None, plain, None, None, data, task) == {}  # type: ignore[arg-type]
