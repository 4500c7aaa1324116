"""Read-outs of latents, against scikit-learn and worlds with known answers."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score

from replearn.analysis.generalisation import fit_readout, relative_errors, total_variance
from replearn.errors import InputError

ALL = np.ones(3, bool)


def r2(readout, codes, targets):
    """R² of each factor."""
    return 1 - readout.errors(codes, targets).mean(axis=0)


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def test_the_linear_readout_is_the_ridge_of_scikit_learn(rng):
    x, other = rng.normal(size=(200, 3)) * [1, 5, 0.2] + 3, rng.normal(size=(50, 3)) + 3
    y = x @ rng.normal(size=(3, 2)) + rng.normal(size=(200, 2))
    readout = fit_readout(x, [y[:, :1], y], ALL)
    centre, width = x.mean(0), x.std(0)
    expected = Ridge(alpha=1.0).fit((x - centre) / width, y).predict((other - centre) / width)
    narrow, both = readout.predict(other)
    assert both == pytest.approx(expected, rel=1e-9)
    assert narrow == pytest.approx(expected[:, :1], rel=1e-9)
    # On the images of the fit it is the usual R².
    fitted = r2_score(y, readout.predict(x)[1], multioutput="variance_weighted")
    assert r2(readout, x, [y[:, :1], y])[1] == pytest.approx(fitted, rel=1e-9)


def test_r2_is_in_units_of_the_variance_in_training():
    # The training values are 0 and 2, of variance 1; of the test part all are 2.
    variances = total_variance([np.array([[0.0], [2.0]]), np.ones((2, 1))])
    target = np.full((4, 1), 2.0)
    errors = [relative_errors([target + e], [target], variances[:1]) for e in (0, 0.5, 1, 3)]
    assert [float(1 - e.mean()) for e in errors] == [1, 0.75, 0, -8]
    assert np.isnan(relative_errors([target], [target], variances[1:])).all()  # never varied


def test_curves_read_a_bent_code_that_lines_cannot(rng):
    place = rng.uniform(-1, 1, size=(2000, 1))
    codes = np.hstack([place**3, np.abs(place), rng.normal(size=(2000, 1))])
    lines, curves = (fit_readout(codes, [place], ALL, curves=c) for c in (False, True))
    assert r2(lines, codes, [place])[0] < 0.9
    assert r2(curves, codes, [place])[0] > 0.97


def test_both_readouts_meet_combinations_that_they_were_not_fitted_on(rng):
    # Each factor in a latent of its own; the corner where both are high was never seen.
    factors = rng.uniform(size=(3000, 2))
    corner = (factors > 0.6).all(axis=1)
    codes = np.column_stack([factors, rng.normal(size=3000)])
    targets = [factors[:, :1], factors[:, 1:]]
    for curves in (False, True):
        readout = fit_readout(codes[~corner], [t[~corner] for t in targets], ALL, curves)
        assert (r2(readout, codes[corner], [t[corner] for t in targets]) > 0.99).all()


def test_noise_reads_nothing(rng):
    codes, target = rng.normal(size=(2000, 3)), rng.normal(size=(2000, 1))
    for curves in (False, True):
        readout = fit_readout(codes[:1000], [target[:1000]], ALL, curves)
        # The variance of 1,000 normal values has a standard error of 4.5 %.
        assert r2(readout, codes[1000:], [target[1000:]])[0] == pytest.approx(0, abs=0.1)


def test_only_active_latents_are_read(rng):
    codes = rng.normal(size=(100, 3))
    codes[:, 2] = 1.0
    target = [codes[:, :1]]
    first, second = (fit_readout(codes, target, np.arange(3) == d) for d in (0, 1))
    assert r2(second, codes, target)[0] < 0.1
    assert r2(first, codes, target)[0] > 0.99
    none = fit_readout(codes, target, np.zeros(3, bool))
    assert r2(none, codes, target)[0] == pytest.approx(0)
    with pytest.raises(InputError, match="does not vary; leave it out"):
        fit_readout(codes, target, ALL)


def test_a_readout_where_a_factor_is_free_does_not_take_a_place_for_a_kind(rng):
    # The kind is faint in its latent and the place clear in its own; kind 1 was excluded on the
    # right, so that over all training images the right stands for kind 0.
    kind, place = rng.integers(0, 2, size=4000), rng.uniform(-1, 1, size=4000)
    codes = np.column_stack([kind + rng.normal(size=4000), place, rng.normal(size=4000)])
    targets = [np.eye(2)[kind]]
    excluded = (kind == 1) & (place > 0)
    own, variances = [targets[0][~excluded]], total_variance([targets[0][~excluded]])
    free = (place[~excluded] < 0)[:, None]
    tied, clear = (fit_readout(codes[~excluded], own, ALL, where=where) for where in (None, free))
    test = codes[excluded], [targets[0][excluded]]
    assert variances[0] == pytest.approx(clear.variances[0])
    # The best line leaves 4 / 5 of the variance 1/4 of each indicator; that of training is 2/9.
    assert r2(clear, codes, targets)[0] == pytest.approx(1 - 0.8 * (1 / 4) / (2 / 9), abs=0.02)
    assert r2(clear, *test)[0] > r2(tied, *test)[0] + 0.5
