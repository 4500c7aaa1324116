"""All published totals of the beta, beta-TC, annealed and DIP VAEs at Locatello's strengths."""

import re

import numpy as np
import pytest

from replearn.models import VAEOutput
from replearn.training.losses import LOSSES

# The 54 names of the golden file, each with its place there.
NAMES = (
    [f"beta_vae_{beta}" for beta in (1, 2, 4, 6, 8, 16)]
    + [f"beta_tc_vae_{beta}" for beta in (1, 2, 4, 6, 8, 10)]
    + [
        f"annealed_vae_C{capacity}_step{step}"
        for capacity in (5, 10, 25, 50, 75, 100)
        for step in (0, 1_000, 50_000, 100_000, 200_000)
    ]
    + [f"dip_vae_{kind}_{strength}" for strength in (1, 2, 5, 10, 20, 50) for kind in ("i", "ii")]
)
STRENGTH = {
    "beta_vae": "beta", "beta_tc_vae": "beta", "annealed_vae": "capacity",
    "dip_vae_i": "lambda_od", "dip_vae_ii": "lambda_od",
}  # fmt: skip


def terms_of(name, output, images):
    loss, strength, step = re.fullmatch(r"(\w+?)_C?(\d+)(?:_step(\d+))?", name).groups()
    return LOSSES[loss](**{STRENGTH[loss]: int(strength)})(output, images, int(step or 0))


def test_every_golden_total_is_tested(golden):
    assert golden["loss__out__total_names"].tolist() == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_total_is_the_golden_one(golden, output, images, name):
    expected = golden["loss__out__total__f64"][NAMES.index(name)].item()
    assert terms_of(name, output, images)["loss"].item() == pytest.approx(expected, rel=1e-12)
    fields = ("logits", "z", "mean", "logvar")
    single = VAEOutput(**{field: getattr(output, field).float() for field in fields})
    terms = terms_of(name, single, images.float())
    assert terms["loss"].item() == pytest.approx(expected, rel=1e-6)


def test_scalars_of_the_specification(output, images):
    terms = terms_of("beta_tc_vae_4", output, images)
    found = [terms[name].item() for name in ("reconstruction", "kl", "total_correlation", "loss")]
    np.testing.assert_allclose(found, [823.618086, 5.821511, -16.512925, 779.900822], atol=5e-7)
