"""What holds for every loss of the registry."""

from math import log

import pytest
import torch

from replearn.errors import InputError
from replearn.models import (
    MODELS,
    DecoderOutput,
    LieGroupVAEOutput,
    PredictorOutput,
    VAEOutput,
    initialise,
)  # fmt: skip
from replearn.training.adversary import AdversarialLoss
from replearn.training.loss import Loss
from replearn.training.losses import LOSSES

SUPERVISED = {"cross_entropy", "mse"}
# Of any VAE; lie_group_vae reads more than they say: test_lie_group_vae.py.
OF_VAES = [
    name
    for name, loss in LOSSES.items()
    if loss.judges == "auto-encoder" and name != "lie_group_vae"
]


def example(name, requires_grad=True):
    """Return (loss, output, target) of 6 small images, for any loss of the registry."""
    g = torch.Generator().manual_seed(0)
    loss = LOSSES[name]()
    loss.bind(3, g)
    draws = [torch.randn(6, 3, generator=g).requires_grad_(requires_grad) for _ in range(3)]
    if name in SUPERVISED:
        target = torch.zeros(6, dtype=torch.long) if name == "cross_entropy" else torch.zeros(6, 3)
        return loss, PredictorOutput(draws[0]), target
    logits = torch.randn(6, 1, 4, 4, generator=g).requires_grad_(requires_grad)
    if loss.judges == "decoder":
        return loss, DecoderOutput(logits), torch.rand(6, 1, 4, 4, generator=g)
    target = torch.rand(6, 1, 4, 4, generator=g)
    if name == "lie_group_vae":
        features, group, generators = torch.randn(3, 6, 4, generator=g)
        rest = {"features": features, "group": group, "decoded": group}
        generators = generators[:3].unflatten(1, (2, 2))
        return loss, LieGroupVAEOutput(logits, *draws, **rest, generators=generators), target
    return loss, VAEOutput(logits, *draws), target


@pytest.mark.parametrize("name", LOSSES)
def test_terms_are_finite_scalars_with_a_loss_that_has_a_gradient(name):
    loss, output, target = example(name)
    terms = loss(output, target, 0, torch.Generator())
    assert isinstance(loss, Loss)
    assert all(value.shape == () and torch.isfinite(value) for value in terms.values())
    terms["loss"].backward()
    assert output.logits.grad.abs().sum() > 0


@pytest.mark.parametrize("name", LOSSES)
def test_same_generator_gives_the_same_terms_and_the_global_one_is_not_drawn_from(name):
    loss, output, target = example(name, requires_grad=False)
    state = torch.get_rng_state()
    first = loss(output, target, 0, torch.Generator().manual_seed(1))
    second = loss(output, target, 0, torch.Generator().manual_seed(1))
    loss.after_step(torch.Generator())
    assert {k: v.item() for k, v in first.items()} == {k: v.item() for k, v in second.items()}
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("name", LOSSES)
def test_optimisers_hold_every_parameter_of_the_loss(name):
    loss, *_ = example(name)
    held = [p for o in loss.optimizers.values() for g in o.param_groups for p in g["params"]]
    assert {id(p) for p in held} == {id(p) for p in loss.parameters()}


@pytest.mark.parametrize("latent_size", [2, 10, 50])
@pytest.mark.parametrize("seed", range(3))
def test_an_adversary_starts_undecided(latent_size, seed):
    draws = torch.Generator().manual_seed(seed)
    # Two samples of one distribution: no total correlation, and log 2 of a coin.
    z, images = torch.randn(256, latent_size, generator=draws), torch.zeros(256, 1, 1, 1)
    found = {}
    for name in ("factor_vae", "wae_gan"):
        loss = LOSSES[name]()
        loss.bind(latent_size, draws)
        latents = z.clone().requires_grad_()
        terms = loss(VAEOutput(images, latents, z, z), images, 0, draws)
        own = terms["total_correlation" if name == "factor_vae" else "adversarial"]
        (gradient,) = torch.autograd.grad(own, latents)
        found[name] = own.item()
        # Of the same batch, that of the KL term is z / 256 for each image.
        assert gradient.norm() < 0.1 * (z / 256).norm()
    assert abs(found["factor_vae"]) < 0.1
    assert found["wae_gan"] == pytest.approx(log(2), abs=0.05)


def bound(name, latent_size=3, **params):
    loss = LOSSES[name](**params)
    loss.bind(latent_size, torch.Generator().manual_seed(0))
    return loss


@pytest.mark.parametrize(
    ("name", "model"),
    [
        *[(n, model) for n in OF_VAES for model in ("vae", "cascade_vae", "lie_group_vae")],
        ("lie_group_vae", "lie_group_vae"),
    ],
)
def test_gradient_reaches_every_weight_of_a_model_and_none_of_the_loss(name, model):
    draws = torch.Generator().manual_seed(0)
    model, loss = MODELS[model]((1, 64, 64), latent_size=3), bound(name)
    initialise(model, draws)
    images = torch.rand(4, 1, 64, 64, generator=draws)
    loss(model(images, draws), images, 10, draws)["loss"].backward()
    for weight, p in model.named_parameters():
        assert p.grad is not None and p.grad.abs().sum() > 0, weight
    assert all(p.grad is None for p in loss.parameters())
    before = [p.clone() for p in loss.parameters()]
    loss.after_step(draws)
    moved = [not torch.equal(a, b) for a, b in zip(before, loss.parameters(), strict=True)]
    assert all(moved) and len(moved) == sum(1 for _ in loss.parameters())


@pytest.mark.parametrize("name", OF_VAES)
def test_gradient_is_that_of_finite_differences(name):
    g = torch.Generator().manual_seed(0)
    inputs = [torch.randn(4, 2, generator=g, dtype=torch.float64) for _ in range(3)]
    inputs.append(torch.randn(4, 1, 1, 2, generator=g, dtype=torch.float64))
    target = torch.rand(4, 1, 1, 2, generator=g, dtype=torch.float64)
    loss = bound(name, latent_size=2).double()

    def total(z, mean, logvar, logits):
        output = VAEOutput(logits, z, mean, logvar)
        return loss(output, target, 10, torch.Generator().manual_seed(1))["loss"]

    leaves = [tensor.requires_grad_() for tensor in inputs]
    assert torch.autograd.gradcheck(total, leaves, fast_mode=True)


@pytest.mark.parametrize("name", OF_VAES)
def test_half_precision_is_left_before_the_sums(name, output, images):
    fields = ("logits", "z", "mean", "logvar")
    half = VAEOutput(**{field: getattr(output, field).bfloat16() for field in fields})
    single = VAEOutput(**{field: getattr(half, field).float() for field in fields})
    loss = bound(name, latent_size=10)
    exact = loss(single, images.float(), 10, torch.Generator().manual_seed(1))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        terms = loss(half, images.float(), 10, torch.Generator().manual_seed(1))
    for term, value in exact.items():
        assert terms[term].dtype == torch.float32
        torch.testing.assert_close(terms[term], value, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", OF_VAES)
@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_small_last_held_out_batch_has_finite_terms(name, n, output, images):
    few = VAEOutput(output.logits[:n], output.z[:n], output.mean[:n], output.logvar[:n])
    loss = bound(name, latent_size=10).double()
    with torch.no_grad():
        terms = loss(few, images[:n], 10, torch.Generator().manual_seed(1))
        whole = loss(output, images, 10, torch.Generator().manual_seed(1))
    assert list(terms) == list(whole)
    assert all(value.shape == () and torch.isfinite(value) for value in terms.values())


@pytest.mark.parametrize("name", sorted(set(OF_VAES) - {"factor_vae", "wae_mmd", "wae_gan"}))
def test_order_of_the_images_does_not_matter(name, output, images):
    order = [5, 2, 7, 0, 1, 3, 6, 4]
    fields = ("logits", "z", "mean", "logvar")
    other = VAEOutput(**{field: getattr(output, field)[order] for field in fields})
    terms, permuted = bound(name)(output, images, 10), bound(name)(other, images[order], 10)
    for term, value in terms.items():
        torch.testing.assert_close(permuted[term], value, rtol=1e-12, atol=0)


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("beta_vae", {"beta": 1}),
        ("beta_tc_vae", {"beta": 1}),
        ("dip_vae_i", {"lambda_od": 0}),
        ("dip_vae_ii", {"lambda_od": 0}),
        ("annealed_vae", {"gamma": 1, "capacity": 0}),
        ("factor_vae", {"gamma": 0}),
        ("cascade_vae", {"beta_high": 1, "beta_low": 1}),
        ("wae_mmd", {"lambda_mmd": 0, "lambda_logvar": 0, "likelihood": "bernoulli"}),
    ],
)
def test_without_its_own_term_a_loss_is_the_vae(name, params, output, images):
    found = bound(name, latent_size=10, **params).double()(output, images, 10)["loss"]
    terms = LOSSES["vae"]()(output, images, 10)
    expected = terms["reconstruction"] if name == "wae_mmd" else terms["loss"]
    torch.testing.assert_close(found, expected, rtol=1e-14, atol=0)


@pytest.mark.parametrize("beta", [2, 16])
def test_annealed_vae_without_capacity_is_the_beta_vae(beta, output, images):
    annealed = LOSSES["annealed_vae"](gamma=beta, capacity=0)(output, images, 10)["loss"]
    expected = LOSSES["beta_vae"](beta=beta)(output, images, 10)["loss"]
    torch.testing.assert_close(annealed, expected, rtol=1e-14, atol=0)


@pytest.mark.parametrize("name", OF_VAES)
def test_a_model_without_latents_is_refused_in_one_sentence(name):
    with pytest.raises(InputError, match="Loss needs a model with latents, such as 'vae'; got one"):
        LOSSES[name]().bind(0, torch.Generator())


@pytest.mark.parametrize("name", [n for n in OF_VAES if issubclass(LOSSES[n], AdversarialLoss)])
def test_use_before_bind_is_refused(name, output, images):
    with pytest.raises(RuntimeError, match=r"Loss\.bind\(\.\.\.\) comes before its use"):
        LOSSES[name]()(output, images)
