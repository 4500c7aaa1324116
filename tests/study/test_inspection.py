"""Looking at auto-encoders: their codes, and pictures of every part of their data."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from replearn.analysis.traversal import latent_kl
from replearn.dataset import load
from replearn.errors import InputError
from replearn.models import VAE, CascadeVAE
from replearn.study import inspection

CONFIG = {"traversal": [-2.0, 2.0], "n_shown": 3}


class Kept:
    """The figures and arrays that were made."""

    def __init__(self):
        self.figures, self.stored = {}, {}

    def figure(self, name, figure, title, text=""):
        self.figures[name] = figure

    def arrays(self, name, **arrays):
        self.stored[name] = arrays


@pytest.fixture(scope="module")
def circles():
    return load("circles")


def run_of(**section):
    section = {"name": "circles", "validation": 0.2, "split_seed": 0, **section}
    training = {"channels_last": True, "batch_size": 8, "n_validation": 64}
    config = {"dataset": section, "training": training, "model": {"name": "vae"}}
    return SimpleNamespace(id=1, experiment="composition", config=config, artifacts={})


def words(figure):
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def test_excluded_images_and_transformations_are_drawn_where_there_are_any(circles):
    model = VAE(circles.image_shape, encoder="burgess", decoder="burgess", latent_size=4).eval()
    for run, parts in (
        (run_of(), ["training", "held-out"]),
        (run_of(holdout="x > 0.6 and y > 0.6"), ["training", "held-out", "excluded"]),
    ):
        kept = Kept()
        inspection.draw_reconstructions(kept, run, model, circles, 3)
        inspection.draw_recombination(kept, run, model, circles, 3)
        assert words(kept.figures["reconstructions"]) == parts
        assert set(kept.figures) == {"reconstructions"}  # no operator, no generalisation.npz
    model.compose_with("linear", n_factors=2)
    inspection.draw_recombination(kept, run, model.eval(), circles, 3)
    shown = words(kept.figures["transformations"])
    assert shown[3] == "training" and shown[7] == "excluded"
    assert {*shown[:3], *shown[4:7]} <= {"x", "y"} and len(shown) == 8


def test_the_category_of_a_cascade_vae_is_a_latent_and_is_drawn(circles):
    torch.manual_seed(0)
    model = CascadeVAE(circles.image_shape, encoder="burgess", decoder="burgess", latent_size=2)
    codes = inspection.encode_run(run_of(), model, circles, 40)
    assert codes.z.shape == (40, 5) and codes.latents.shape == (40, 3)
    with torch.no_grad():
        z = model.eval().codes(
            circles.batch(inspection.probe_of(run_of().config["dataset"], circles, 40).indices)
        )
    np.testing.assert_allclose(codes.latents[:, :2], z[:, :2], atol=1e-5)
    np.testing.assert_array_equal(codes.latents[:, 2], z[:, 2:].argmax(1))
    np.testing.assert_allclose(codes.kl, latent_kl(codes.mean, codes.logvar))
    kept = Kept()
    inspection.draw_latents(kept, codes, model, CONFIG)
    assert set(kept.figures) == {"latents", "traversals", "categories"}
    scores = inspection.score_run(kept, codes, model, circles, ["dci", "mig"], "lasso")
    stored = kept.stored["codes"]
    assert list(stored["latent_names"]) == ["z₀", "z₁", "category"]
    assert stored["importance"].shape == (3, 2) and stored["active"].shape == (3,)
    assert scores["active_latents"] + scores["dead_latents"] == 3
    assert scores["dci_method"].startswith("lasso: ") and "mig_ceiling" in scores


def test_of_fifty_latents_those_of_highest_kl_are_drawn(circles):
    torch.manual_seed(0)
    model = VAE(circles.image_shape, encoder="burgess", decoder="burgess", latent_size=50).eval()
    mean = np.random.default_rng(0).normal(size=(40, 50)) * np.linspace(0.1, 2, 50)
    logvar = np.zeros((40, 50))
    codes = inspection.Codes(
        mean, logvar, mean, latent_kl(mean, logvar), np.arange(40), None, ()
    )  # fmt: skip
    kept = Kept()
    inspection.draw_latents(kept, codes, model, CONFIG)
    best = np.argsort(-codes.kl)[:16]
    rest = np.sort(np.square(mean).mean(0) / 2)[:34].sum()  # KL of variance 1: half the square
    said = f"The 16 of 50 latents of highest KL; the others have {rest:.2g} nats together."
    for name in ("latents", "traversals"):
        figure = kept.figures[name]
        assert said in [axes.get_title() for axes in figure.axes]
        assert figure.get_size_inches().max() < 9.5  # a page
    first = kept.figures["traversals"].axes[0].get_yticklabels()
    names = [inspection.latent_names(50)[i] for i in best]
    assert [label.get_text().split()[0] for label in first] == names
    last = kept.figures["latents"].axes[-1].get_xticklabels()
    assert [label.get_text() for label in last] == ["prior", *names]


def test_other_models_are_refused_in_a_sentence():
    run = run_of()
    run.config["model"]["name"] = "predictor"
    with pytest.raises(InputError, match="the model 'predictor'; .* model.name=vae or cascade_vae"):
        inspection.check_auto_encoder(run)
