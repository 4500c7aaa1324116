"""The VAE: sampling, layers, shapes, sentences."""

from copy import deepcopy

import pytest
import torch
from torch import nn

from replearn.errors import InputError
from replearn.models import DECODERS, ENCODERS, MODELS, VAE, initialise
from replearn.registry import build

SHAPE = (1, 32, 32)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(params=list(dict.fromkeys([*ENCODERS, *DECODERS])), scope="module")
def model(request):
    """Return a VAE of one architecture in both halves; where there is but one, beside kim."""
    encoder, decoder = (
        request.param if request.param in registry else "kim" for registry in (ENCODERS, DECODERS)
    )
    vae = VAE(SHAPE, encoder, decoder, latent_size=5)
    initialise(vae, generator())
    return vae.eval()


@pytest.fixture
def images():
    return torch.rand(6, *SHAPE, generator=generator(1))


def hooked(model, images, names):
    """Return the outputs of the named modules, and the model's output."""
    found = {}
    modules = dict(model.named_modules())
    hooks = [
        modules[name].register_forward_hook(
            lambda _, __, output, name=name: found.update({name: output.detach()})
        )
        for name in names
    ]
    output = model(images, generator(2))
    for hook in hooks:
        hook.remove()
    return found, output


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


def test_layers_are_ordered_distinct_and_after_the_non_linearity(model, images):
    layers = model.layers()
    fields = ["mean", "logvar", "z", "logits"]
    names = [name for name in layers if name not in fields]
    assert len(set(layers)) == len(layers)
    assert [name for name in layers if name in fields] == fields
    order = [name for name, _ in model.named_modules() if name in names]
    assert names == order
    found, _ = hooked(model, images, names)
    for name, values in found.items():
        last = list(dict(model.named_modules())[name].modules())[-1]
        bounded = values.abs().max() <= 1 if isinstance(last, nn.Tanh) else values.min() == 0
        assert bounded, name


def test_layers_hold_different_numbers(model, images):
    names = [name for name in model.layers() if "." in name]
    found, output = hooked(model, images, names)
    fields = {name: getattr(output, name) for name in ("mean", "logvar", "z", "logits")}
    arrays = [values.flatten(1) for values in (found | fields).values()]
    for i, x in enumerate(arrays):
        for y in arrays[:i]:
            assert x.shape != y.shape or not torch.equal(x.sort().values, y.sort().values)


def test_heads_compute_the_fields_they_name(model, images):
    found, output = hooked(model, images, set(model.heads.values()))
    posterior = found[model.heads["mean"]]
    assert torch.equal(posterior, torch.cat([output.mean, output.logvar], 1))
    assert torch.equal(found[model.heads["logits"]], output.logits)


def test_encoder_and_decoder_of_different_architectures_combine(images):
    model = VAE(SHAPE, encoder="burgess", decoder="higgins", latent_size=3)
    assert model(images).logits.shape == images.shape


def test_channels_last_changes_the_layout_alone(model, images):
    expected = model(images, generator()).logits
    output = deepcopy(model).to(memory_format=torch.channels_last)(
        images.contiguous(memory_format=torch.channels_last), generator()
    )
    error = (output.logits - expected).abs().max()
    assert error < 1e-5 * expected.abs().max()


def test_posterior_is_float32_under_autocast(model, images):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = model(images, generator())
    exact = model(images, generator())
    assert output.mean.dtype == output.logvar.dtype == output.z.dtype == torch.float32
    torch.testing.assert_close(output.mean, exact.mean, rtol=0.05, atol=0.1)


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
        ({"latnt_size": 2}, "model 'vae' takes no parameter 'latnt_size'; did you mean"),
    ],
)
def test_bad_parameters_are_refused_in_one_sentence(params, sentence):
    with pytest.raises(InputError, match=sentence):
        build(MODELS, "vae", kind="model", image_shape=SHAPE, **params)
