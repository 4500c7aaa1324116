"""What holds for every architecture of the registries."""

from copy import deepcopy

import pytest
import torch
from torch import nn

from replearn.models import DECODERS, ENCODERS, VAE, initialise

SHAPE = (2, 32, 34)
SIZES = [
    (28, 28), (32, 32), (48, 48), (64, 64), (96, 96), (100, 100), (128, 128), (33, 33), (65, 47),
    (32, 128),
]  # fmt: skip
NAMES = list(dict.fromkeys([*ENCODERS, *DECODERS]))
NEED_32 = {"abdi", "montero"}  # five halvings


def pair(name):
    return name if name in ENCODERS else "kim", name if name in DECODERS else "kim"


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(params=NAMES, scope="module")
def name(request):
    return request.param


@pytest.fixture(scope="module")
def model(name):
    """Return a VAE of one architecture in both halves; where there is but one, beside kim."""
    vae = VAE(SHAPE, *pair(name), latent_size=3)
    initialise(vae, generator())
    return vae


@pytest.fixture
def images():
    return torch.rand(4, *SHAPE, generator=generator(1))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", ENCODERS)
def test_encoder_takes_images_of_any_size(name, channels):
    for size in SIZES[name in NEED_32 :]:
        with torch.device("meta"):
            encoder = ENCODERS[name]((channels, *size), 6).eval()
            assert encoder(torch.zeros(5, channels, *size)).shape == (5, 6), size


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", DECODERS)
def test_decoder_gives_images_of_any_size(name, channels):
    for size in SIZES[name in NEED_32 :]:
        with torch.device("meta"):
            decoder = DECODERS[name](6, (channels, *size)).eval()
            assert decoder(torch.zeros(5, 6)).shape == (5, channels, *size), size


def test_gradients_reach_every_parameter(model, images):
    model.train()
    output = model(images, generator(2))
    (output.logits.square().mean() + output.logvar.square().mean()).backward()
    reached = {name: float(p.grad.abs().max()) for name, p in model.named_parameters()}
    model.zero_grad()
    assert all(0 < value < float("inf") for value in reached.values()), reached


def test_reconstructions_of_a_new_network_are_finite_and_differ(model, images):
    logits = model.eval()(images).logits
    assert torch.isfinite(logits).all()
    assert logits.std(dim=0).max() > 0  # not the same for all images


def test_an_image_is_coded_alone_as_in_a_batch(model, images):
    model.eval()
    batch, alone = model(images), model(images[:1])
    scale = batch.logits.abs().max()
    torch.testing.assert_close(batch.mean[:1], alone.mean, rtol=1e-4, atol=1e-5)
    assert (batch.logits[:1] - alone.logits).abs().max() < 1e-4 * scale


def test_evaluation_changes_nothing(model, images):
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.eval()(images)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def recorded(model, images, names):
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


def test_layers_are_ordered_distinct_and_after_the_non_linearity(model, images):
    """Each block ends with its non-linearity; of kim_bn and deep_bn, with the norm."""
    layers = model.layers()
    fields = ["mean", "logvar", "z", "logits"]
    names = [name for name in layers if name not in fields]
    assert len(set(layers)) == len(layers)
    assert [name for name in layers if name in fields] == fields
    assert names == [name for name, _ in model.named_modules() if name in names]
    found, _ = recorded(model.train(), images, names)
    for name, values in found.items():
        parts = dict(model.named_modules())[name].modules()
        *_, last = (part for part in parts if not isinstance(part, nn.Unflatten))
        if isinstance(last, nn.Tanh):
            assert 0 < values.abs().max() <= 1 and values.min() < 0, name
        elif isinstance(last, (nn.BatchNorm1d, nn.BatchNorm2d)):
            mean = values.mean((0, *range(2, values.ndim)))
            torch.testing.assert_close(mean, torch.zeros(values.shape[1]))
        else:
            assert values.min() == 0 < values.max(), name


def test_layers_hold_different_numbers(model, images):
    names = [name for name in model.layers() if "." in name]
    found, output = recorded(model.eval(), images, names)
    fields = {name: getattr(output, name) for name in ("mean", "logvar", "z", "logits")}
    arrays = [values.flatten(1) for values in (found | fields).values()]
    for i, x in enumerate(arrays):
        for y in arrays[:i]:
            assert x.shape != y.shape or not torch.equal(x.sort().values, y.sort().values)


def test_channels_last_changes_the_layout_alone(model, images):
    expected = model.eval()(images).logits
    output = deepcopy(model).to(memory_format=torch.channels_last)(
        images.contiguous(memory_format=torch.channels_last)
    )
    assert (output.logits - expected).abs().max() < 1e-5 * expected.abs().max()


def test_half_precision_changes_the_last_digits_alone(model, images):
    exact = model.eval()(images)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = model(images)
    assert output.mean.dtype == output.logvar.dtype == torch.float32
    for name in ("mean", "logvar", "logits"):
        half, whole = getattr(output, name).float(), getattr(exact, name)
        assert (half - whole).abs().max() < 0.1 * whole.abs().max(), name


def test_no_layer_changes_the_output_of_another_in_place(model, images):
    kept = []
    hooks = [
        module.register_forward_hook(lambda _, __, output: kept.append((output, output.clone())))
        for half in (model.encoder, model.decoder)
        for module in half.modules()
    ]
    model.eval()(images)
    for hook in hooks:
        hook.remove()
    assert all(torch.equal(seen, copy) for seen, copy in kept)


def test_first_weights_follow_their_generator_alone(name, model):
    torch.manual_seed(2)  # what a new layer of PyTorch is drawn with
    again = VAE(SHAPE, *pair(name), latent_size=3)
    state = torch.get_rng_state()
    initialise(again, generator())
    assert torch.equal(torch.get_rng_state(), state)
    pairs = zip(model.parameters(), again.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    norms = [
        module for module in again.modules() if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d))
    ]
    assert all((norm.weight == 1).all() and (norm.bias == 0).all() for norm in norms)
    assert bool(norms) == (name in {"deep_bn", "kim_bn", "tolstikhin"})


# Keras, torch.nn.Linear, and the published weights_init of lost-in-latent-space.
GLOROT = {"fully_connected", "locatello", "deepconv", "murphy"}
PYTORCH = {"chadebec", "chadebec_conv"}


def test_weights_are_drawn_as_published(name):
    with torch.device("meta"):
        model = VAE(SHAPE, *pair(name))
    expected = "glorot" if name in GLOROT else "pytorch" if name in PYTORCH else "kaiming"
    halves = {"encoder": ENCODERS, "decoder": DECODERS}
    found = {getattr(model, half).init for half, registry in halves.items() if name in registry}
    assert found == {expected}
