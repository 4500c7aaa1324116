"""Put stored weights into a model, or say what does not fit."""

from collections.abc import Mapping

from torch import Tensor

from replearn.errors import InputError
from replearn.models.network import Network


def load_weights(model: Network, weights: Mapping[str, Tensor], owner: str) -> None:
    """Copy `weights` into `model`, with the running statistics of its normalisations.

    Args:
        weights: by name, as `model.state_dict()` has them.
        owner: whose weights they are, for the sentence.

    Raises:
        InputError: if a weight is missing, has another shape, or is not one of the model's.
    """
    expected = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    found = {name: tuple(value.shape) for name, value in weights.items()}
    for name in [*expected, *found]:
        if expected.get(name) != found.get(name):
            size = " x ".join(map(str, model.image_shape))
            raise InputError(
                f"the weights of {owner} do not fit its model for images of {size}: {name} "
                f"{_has(expected, name)} in the model and {_has(found, name)} among the weights; "
                f"they belong to images of another size, or were stored by another version"
            )
    model.load_state_dict(dict(weights))


def _has(shapes: Mapping[str, tuple[int, ...]], name: str) -> str:
    return f"has the shape {shapes[name]}" if name in shapes else "does not exist"
