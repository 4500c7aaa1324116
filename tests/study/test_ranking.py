"""UDR of the runs of a group, from the codes that their analyses have stored."""

from types import SimpleNamespace

import numpy as np
import pytest

from replearn.analysis.disentanglement import udr
from replearn.errors import InputError
from replearn.study.ranking import ranked_groups
from replearn.study.summary import Study, varied_paths


def study_of(codes, groups, positions=None):
    runs, analyses = [], {}
    for i, (mean, group) in enumerate(zip(codes, groups, strict=True)):
        config = {"seed": i, "dataset": {"name": "circles"}, "model": {"name": group}}
        run = SimpleNamespace(id=i, config=config, identity={"group_hash": group}, info={})
        run.started, run.experiment, run.result = None, "unsupervised", {}
        runs.append(run)
        at = np.arange(len(mean)) if positions is None else positions[i]
        arrays = {"mean": mean, "kl": np.ones(mean.shape[1]), "positions": at}
        stored = {"codes.npz": arrays} if len(mean) else None
        analyses[i] = stored and SimpleNamespace(id=9 + i, result={}, load=stored.get)
    return Study(runs, analyses, varied_paths(runs))


def test_udr_is_of_the_runs_of_a_group_that_were_analysed():
    rng = np.random.default_rng(0)
    first = rng.standard_normal((400, 3))
    codes = [first, -first[:, ::-1], first @ rng.standard_normal((3, 3)), first[:0], first]
    (group,) = ranked_groups(study_of(codes, ["a", "a", "a", "a", "b"]))
    assert group.runs == [0, 1, 2, 3]
    np.testing.assert_array_equal(group.cells["udr"][:3], udr(codes[:3], [np.ones(3)] * 3).udr)
    assert np.isnan(group.cells["udr"][3])


def test_images_are_spread_over_the_grid_and_the_same_for_all_runs():
    """Codes lie in the order of their images: the first thousand would all be of one shape."""
    every = np.arange(4000)
    codes = np.stack([every // 2000, every % 7], axis=1).astype(float)  # first factor: slowest
    few = every[::2]
    (group,) = ranked_groups(study_of([codes, codes[few]], ["a", "a"], [every, few]))
    # Equal latents have Lasso coefficients 1 - 0.1, the others 0; one shape alone would halve it.
    assert group.cells["udr"] == pytest.approx([0.9, 0.9], abs=0.01)


def test_analyses_of_other_images_are_not_compared():
    codes, at = [np.random.default_rng(0).standard_normal((50, 3))] * 2, np.arange(50)
    with pytest.raises(InputError, match=r"analyses 9, 10 share 0; run analysis.model on these"):
        ranked_groups(study_of(codes, ["a", "a"], [at, at + 50]))


def test_single_runs_cannot_be_ranked():
    codes = [np.eye(4)] * 2
    with pytest.raises(InputError, match="UDR compares runs of one configuration and other seeds"):
        ranked_groups(study_of(codes, ["a", "b"]))
