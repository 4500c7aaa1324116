"""The cascade VAE: how images get their categories, in training and in evaluation."""

import numpy as np
import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, one_hot

from replearn.errors import InputError
from replearn.models import MODELS, CascadeVAE, initialise, layer_table
from replearn.models.assignment import assign_categories
from replearn.registry import build

SHAPE = (1, 32, 32)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def cascade(**params):
    model = CascadeVAE(SHAPE, latent_size=4, **params)
    initialise(model, generator())
    return model.eval()


@pytest.fixture
def model():
    return cascade()


@pytest.fixture
def images():
    return torch.rand(8, *SHAPE, generator=generator(1)).round()


def likelihoods(model, images, z):
    """-log p(x | z, k) by definition: decode with each category, sum over pixels."""
    columns = []
    for k in range(model.n_categories):
        code = torch.cat([z, one_hot(torch.tensor(k), model.n_categories).expand(len(z), -1)], 1)
        p = torch.sigmoid(model.decoder(code)).double()
        columns.append(-(images * p.log() + (1 - images) * (1 - p).log()).sum((1, 2, 3)))
    return torch.stack(columns, 1)


def test_latents_stand_beside_the_likeliest_category(model, images):
    output = model(images, generator(2))
    latents = output.mean + (output.logvar / 2).exp() * torch.randn(8, 4, generator=generator(2))
    assert output.z.shape == (8, 7) and output.mean.shape == output.logvar.shape == (8, 4)
    torch.testing.assert_close(output.continuous, latents)
    expected = likelihoods(model, images, latents)
    torch.testing.assert_close(output.category_nll.double(), expected, rtol=1e-5, atol=1e-4)
    assert torch.equal(output.categories, one_hot(expected.argmin(1), 3).float())
    assert torch.equal(output.z[:, 4:], output.categories)
    assert torch.equal(output.logits, model.decode(output.z))


def test_in_evaluation_a_code_depends_on_its_image_alone(images):
    model = cascade(crowding=1e6)
    alone = torch.cat([model(image[None]).z for image in images])
    torch.testing.assert_close(model(images).z, alone, rtol=1e-4, atol=1e-4)
    assert torch.equal(model.codes(images), model(images).z)
    assert torch.equal(model.codes(images)[:, :4], model.encode(images)[0])


@pytest.mark.parametrize("crowding", [0.001, 1e6])
def test_in_training_categories_are_those_of_the_batch(images, crowding):
    model = cascade(crowding=crowding, n_categories=3).train()
    output = model(images, generator(2))
    expected = likelihoods(model.eval(), images, output.continuous).detach().numpy()
    chosen = assign_categories(expected, crowding)
    assert output.categories.argmax(1).tolist() == chosen.tolist()
    if crowding < 1:  # nats between the categories
        assert (chosen == expected.argmin(1)).all()
    else:
        assert sorted(np.bincount(chosen, minlength=3)) == [2, 3, 3]


def test_before_the_warm_up_is_over_there_are_no_categories(images):
    model = cascade(category_warm_up=2)
    for passes in range(3):
        model.train()
        assert model.passes == passes
        outputs = [model(images, generator()), model.eval()(images)]
        # The evaluation is one pass later.
        assert [bool(o.categories.any()) for o in outputs] == [passes >= 2, passes >= 1]
        assert all(torch.equal(o.logits, model.decode(o.z)) for o in outputs[1:])
    assert model.state_dict()["passes"] == 3
    again = cascade(category_warm_up=2)
    again.load_state_dict(model.state_dict())
    assert again(images).categories.any()


def test_scoring_categories_leaves_no_gradient_and_no_trace(images):
    model = CascadeVAE(SHAPE, "kim", "kim_bn", latent_size=4).train()
    initialise(model, generator())
    seen = []
    model.decoder[2].register_forward_hook(lambda *_: seen.append(1))
    output = model(images, generator())
    assert len(seen) == 1
    assert not output.category_nll.requires_grad and not output.categories.requires_grad
    norms = {k: v for k, v in model.state_dict().items() if "num_batches" in k}
    assert norms and all(value == 1 for value in norms.values())
    assert all(module.training for module in model.modules())
    output.logits.square().mean().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.decoder.parameters())


def test_half_precision_is_left_before_the_likelihoods(model, images):
    exact = model(images)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = model(images)
    for field in ("mean", "logvar", "z", "category_nll"):
        assert getattr(half, field).dtype == torch.float32, field
    torch.testing.assert_close(half.category_nll, exact.category_nll, rtol=0.05, atol=0)


def test_a_network_that_diverged_is_left_to_its_loss(images):
    model = cascade().train()
    with torch.no_grad():
        model.encoder[-1].bias.fill_(float("nan"))
    assert model(images, generator()).logits.isnan().all()
    model = cascade().train()
    with torch.no_grad():  # one category alone has no likelihood, the others have the same one
        model.decoder[0][0].weight[:, 4:] = torch.tensor([0.0, 0.0, 3e38])
    assert model(images, generator()).logits.isnan().any()


def test_layers_have_the_parameters_of_the_network(model):
    rows = layer_table(model)
    names = [row.name for row in rows]
    assert names == model.layers()
    assert names[5:9] == ["mean", "logvar", "category_nll", "z"]
    assert rows[7].shape == (3,) and rows[8].shape == (7,)
    assert sum(row.n_parameters for row in rows) == sum(p.numel() for p in model.parameters())
    assert model.passes == 0


def test_reconstructions_of_the_likeliest_category_are_no_worse_than_of_another(model, images):
    z = model(images).continuous
    chosen = model(images)
    own = binary_cross_entropy_with_logits(chosen.logits, images, reduction="none").sum((1, 2, 3))
    assert (own.double() <= likelihoods(model, images, z).amin(1) + 1e-3).all()


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"n_categories": 1}, "n_categories must be at least 2: one category says nothing"),
        ({"n_categories": 2.5}, "n_categories must be a positive integer, got 2.5"),
        ({"crowding": -1}, "crowding must be a number of at least 0, got -1"),
        ({"category_warm_up": "no"}, "category_warm_up must be a number of at least 0, got 'no'"),
        ({"latent_size": 0}, "latent_size must be a positive integer, got 0"),
        ({"encoder": "kin"}, "unknown encoder 'kin'; did you mean 'kim'?"),
    ],
)
def test_bad_parameters_are_refused_in_one_sentence(params, sentence):
    with pytest.raises(InputError, match=sentence):
        build(MODELS, "cascade_vae", kind="model", image_shape=SHAPE, **params)
