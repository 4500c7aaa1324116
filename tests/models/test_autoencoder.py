"""Auto-encoders on examples of the composition task: what is encoded, composed and decoded."""

import pytest
import torch

from replearn.errors import InputError
from replearn.inputs import CompositionInput
from replearn.models import MODELS, VAE, initialise
from replearn.models.operators import OPERATORS

SHAPE, A, B, D = (1, 32, 32), 3, 4, 6


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def made(operator=None, encoder="higgins"):
    model = VAE(SHAPE, encoder, encoder, D)
    if operator is not None:
        model.compose_with(operator, A)
    initialise(model, generator())
    return model.eval()


@pytest.fixture
def examples():
    images = torch.rand(B, 2, *SHAPE, generator=generator(1))
    return CompositionInput(images, torch.tensor([0, 1, 2, 0]))


@pytest.mark.parametrize("name", OPERATORS)
def test_images_are_decoded_from_their_own_latents_and_the_operators(name, examples):
    model = made(name)
    output = model(examples)
    rows = output.z.view(B, 2, D)
    for k in range(2):
        alone = model(examples.images[:, k])
        torch.testing.assert_close(rows[:, k], alone.z)
        torch.testing.assert_close(output.logits[:, k], alone.logits, rtol=1e-4, atol=1e-4)
    transformed = model.decode(model.operator(rows[:, 0], rows[:, 1], examples.action))
    torch.testing.assert_close(output.logits[:, 2], transformed, rtol=1e-4, atol=1e-4)
    assert output.n_encoded == 2 and len(examples) == B
    assert output.logits.shape == output.x_mean.shape == (B, 3, *SHAPE)
    assert output.mean.shape == output.logvar.shape == (2 * B, D)


def test_of_the_target_alone_only_the_last_image_is_decoded(examples):
    model = made("interp")
    seen = []
    model.decoder.register_forward_hook(lambda _, args, out: seen.append(len(out)))
    alone = model(CompositionInput(examples.images, examples.action, target_only=True), generator())
    every = model(examples, generator())
    assert seen == [B, 3 * B]
    torch.testing.assert_close(alone.logits[:, 0], every.logits[:, 2], rtol=1e-4, atol=1e-4)


def test_latents_are_sampled_before_they_are_composed(examples):
    model = made("fixint")
    output = model(examples, generator(2))
    eps = torch.randn(2 * B, D, generator=generator(2))
    torch.testing.assert_close(output.z, output.mean + output.logvar.exp().sqrt() * eps)
    rows = output.z.view(B, 2, D)
    composed = model.operator(rows[:, 0], rows[:, 1], examples.action)
    torch.testing.assert_close(output.logits[:, 2], model.decode(composed), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", OPERATORS)
def test_an_operator_changes_no_other_weight_and_no_layer(name):
    plain, composed = made().state_dict(), made(name).state_dict()
    added = set(composed) - set(plain)
    assert all(key.startswith("operator.") for key in added)
    assert all(torch.equal(composed[key], plain[key]) for key in plain)
    assert made(name).layers() == made().layers()


def test_gradient_reaches_the_operator(examples):
    model = made("mlp").train()
    model(examples, generator()).logits[:, 2].sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


def test_half_precision_composes_in_full(examples):
    model = made("linear")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = model(examples, generator())
    assert output.z.dtype == torch.float32 and torch.isfinite(output.logits).all()


def test_examples_need_an_operator(examples):
    with pytest.raises(InputError, match="has no operator to compose latents with; build it with"):
        made()(examples)


def test_an_unknown_operator_is_refused():
    with pytest.raises(InputError, match="unknown composition_op 'fixed'; did you mean 'fixint'?"):
        made("fixed")


def test_images_of_another_shape_are_refused():
    wrong = CompositionInput(torch.zeros(2, 2, 3, 32, 32), torch.zeros(2, dtype=torch.long))
    with pytest.raises(InputError, match=r"expected images of shape \(B, 1, 32, 32\)"):
        made("interp")(wrong)


@pytest.mark.parametrize(("freeze", "trained"), [("encoder", "decoder"), ("decoder", "encoder")])
def test_a_frozen_half_has_no_gradient_and_keeps_its_statistics(freeze, trained, examples):
    model = made("linear", "kim_bn")
    before = {key: value.clone() for key, value in model.state_dict().items()}
    kept = model.freeze(freeze)
    model.train()
    model(examples, generator()).logits.sum().backward()
    for name, parameter in model.named_parameters():
        assert (parameter.grad is not None) == name.startswith(trained), name
    after = model.state_dict()
    changed = {key for key in before if not torch.equal(before[key], after[key])}
    assert changed and all(key.startswith(trained) for key in changed)
    assert set(kept) == {key for key in before if not key.startswith(trained)}
    assert all(torch.equal(kept[key], before[key]) for key in kept)
    assert model.training and not getattr(model, freeze).training
    assert not model.eval().decoder.training


@pytest.mark.parametrize("kind", [k for k, m in MODELS.items() if m.kind == "auto-encoder"])
@pytest.mark.parametrize("freeze", ["encoder", "decoder"])
def test_the_halves_of_a_model_are_all_that_has_weights_but_its_operator(kind, freeze):
    model = MODELS[kind](SHAPE, "higgins", "higgins", D)
    model.compose_with("linear", A)
    owners = {
        name: [half for half, parts in model.halves.items() if name.partition(".")[0] in parts]
        for name, _ in model.named_parameters()
        if not name.startswith("operator.")
    }
    assert all(len(halves) == 1 for halves in owners.values())
    model.freeze(freeze)
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert trained == {name for name, halves in owners.items() if halves != [freeze]}


@pytest.mark.parametrize("freeze", ["encoder", "decoder"])
def test_what_infers_the_posterior_is_of_the_encoder_and_the_group_of_the_decoder(freeze):
    model = MODELS["lie_group_vae"](SHAPE, "higgins", "higgins", D)
    kept = model.freeze(freeze)
    for name, half in [("to_mean.0.weight", "encoder"), ("to_logvar.2.bias", "encoder"),
                       ("lie_group.generators", "decoder")]:  # fmt: skip
        assert (name in kept) == (half == freeze), name
    model.train()
    assert model.to_mean.training == (freeze == "decoder")


def test_only_a_half_can_be_frozen():
    with pytest.raises(InputError, match="freeze must be encoder or decoder, got 'operator'"):
        made("linear").freeze("operator")
