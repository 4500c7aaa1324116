"""Named random generators: weights, batch order and sampling noise never share a stream."""

import hashlib

import torch

STREAMS = ("init", "order", "noise")


def derive_seed(seed: int, *names: str | int) -> int:
    """Return the 63-bit seed of a named stream: the first bytes of sha256("<seed>/<names>")."""
    text = "/".join(map(str, (seed, *names)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def make_generator(seed: int, device: str | torch.device = "cpu") -> torch.Generator:
    """Return a generator on `device` that is seeded with `seed`."""
    return torch.Generator(device=device).manual_seed(seed)


def stream_seeds(seed: int, **given: int | None) -> dict[str, int]:
    """Return the seed of each stream: the one given, else derived from `seed`.

    Args:
        seed: the seed of the run.
        given: `init`, `order`, `noise`; None stands for "derive it".
    """
    return {
        name: derive_seed(seed, name) if given.get(name) is None else int(given[name])  # type: ignore[arg-type]
        for name in STREAMS
    }
