"""The VAE: sampling, layers, shapes, sentences."""

import numpy as np
import pytest
import torch

from replearn.errors import InputError
from replearn.models import MODELS, VAE, initialise
from replearn.registry import build
from replearn.training.elbo import VAELoss

SHAPE = (1, 32, 32)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


# What depends on the architecture: test_architecture_laws.py.
@pytest.fixture(params=[("higgins", "higgins"), ("kim", "sbd3"), ("kim_bn", "mpcnn")])
def model(request):
    vae = VAE(SHAPE, *request.param, latent_size=5)
    initialise(vae, generator())
    return vae.eval()


@pytest.fixture
def images():
    return torch.rand(6, *SHAPE, generator=generator(1))


def test_without_a_generator_z_is_the_mean(model, images):
    first, second = model(images), model(images)
    assert torch.equal(first.z, first.mean)
    assert torch.equal(first.logits, second.logits)


def test_with_a_generator_z_is_mean_plus_deviation_times_its_draws(model, images):
    output = model(images, generator(3))
    eps = torch.randn(6, 5, generator=generator(3))
    torch.testing.assert_close(output.z, output.mean + output.logvar.exp().sqrt() * eps)
    assert torch.equal(output.z, model(images, generator(3)).z)
    assert not torch.equal(output.z, model(images, generator(4)).z)


def test_output_has_the_shapes_of_images_and_latents(model, images):
    output = model(images, generator())
    assert output.logits.shape == images.shape
    assert output.z.shape == output.mean.shape == output.logvar.shape == (6, 5)
    torch.testing.assert_close(output.x_mean, 1 / (1 + torch.exp(-output.logits)))
    assert torch.equal(model.decode(output.z), output.logits)
    assert torch.equal(model.encode(images)[0], output.mean)


def test_heads_compute_the_fields_they_name(model, images):
    found = {}
    modules = dict(model.named_modules())
    for name in set(model.heads.values()):
        modules[name].register_forward_hook(lambda _, __, out, name=name: found.update({name: out}))
    output = model(images, generator(2))
    posterior = found[model.heads["mean"]]
    assert torch.equal(posterior, torch.cat([output.mean, output.logvar], 1))
    assert torch.equal(found[model.heads["logits"]], output.logits)


def test_encoder_and_decoder_of_different_architectures_combine(images):
    model = VAE(SHAPE, encoder="burgess", decoder="higgins", latent_size=3)
    assert model(images).logits.shape == images.shape


def test_posterior_is_float32_under_autocast(model, images):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = model(images, generator())
    exact = model(images, generator())
    assert output.mean.dtype == output.logvar.dtype == output.z.dtype == torch.float32
    torch.testing.assert_close(output.mean, exact.mean, rtol=0.05, atol=0.1)


def test_means_of_a_bounded_posterior_are_tangents_and_its_kl_is_theirs(images):
    plain, bounded = VAE(SHAPE), VAE(SHAPE, posterior="bounded")
    for model in (plain, bounded):
        initialise(model, generator())
        model.eval()
    free, output = plain(9 * images), bounded(9 * images, generator(3))
    mean, deviation = np.tanh(free.mean.detach().numpy()), (free.logvar / 2).exp().detach()
    np.testing.assert_allclose(output.mean.detach(), mean, rtol=1e-6)
    assert free.mean.abs().max() > 1 >= output.mean.abs().max()
    eps = torch.randn(6, 10, generator=generator(3))
    torch.testing.assert_close(output.z, torch.as_tensor(mean) + deviation * eps)
    expected = (mean**2 + deviation.numpy() ** 2 - 1 - 2 * np.log(deviation.numpy())).sum(1) / 2
    kl = VAELoss()(output, images)["kl"].item()
    assert kl == pytest.approx(expected.mean(), rel=1e-5)
    assert not np.isclose(kl, VAELoss()(free, images)["kl"].item(), rtol=1e-3)
    with torch.no_grad():
        torch.testing.assert_close(bounded.encode(images)[0], bounded(images).mean)


@pytest.mark.parametrize("shape", [(6, 1, 32, 33), (6, 3, 32, 32), (1, 32, 32)])
def test_images_of_another_shape_are_refused_in_one_sentence(model, shape):
    with pytest.raises(InputError, match=r"expected images of shape \(B, 1, 32, 32\), got \("):
        model(torch.zeros(shape))


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"encoder": "kin"}, "unknown encoder 'kin'; did you mean 'kim'?"),
        ({"decoder": "burges"}, "unknown decoder 'burges'; did you mean 'burgess'?"),
        ({"latent_size": 0}, "latent_size must be a positive integer, got 0"),
        ({"latent_size": 2.5}, "latent_size must be a positive integer, got 2.5"),
        ({"posterior": "gauss"}, "posterior must be 'bounded', or left out .*, got 'gauss'"),
        ({"latnt_size": 2}, "model 'vae' takes no parameter 'latnt_size'; did you mean"),
    ],
)
def test_bad_parameters_are_refused_in_one_sentence(params, sentence):
    with pytest.raises(InputError, match=sentence):
        build(MODELS, "vae", kind="model", image_shape=SHAPE, **params)
