"""Which runs have posteriors to compare: those of auto-encoders, whatever their latents."""

import pytest

from replearn.runs.query import load_run
from replearn.study.representations import has_posterior


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("vae", True),
        ("cascade_vae", True),
        ("lie_group_vae", True),
        ("predictor", False),
        ("decoder", False),
        ("of_tomorrow", False),
    ],
)
def test_auto_encoders_have_posteriors(store_run, database, name, expected):
    run = load_run(store_run({"model": {"name": name}}), database)
    assert has_posterior(run) is expected
