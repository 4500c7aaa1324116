"""Build a registered object from a name and parameters, as they stand in a config."""

import inspect
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, TypeVar

from replearn.errors import InputError, nearest

T = TypeVar("T")


def build(
    registry: Mapping[str, Callable[..., T]], name: str, *, kind: str = "name", **params: Any
) -> T:
    """Return `registry[name](**params)`.

    Args:
        registry: what can be built, by name.
        name: a key of `registry`.
        kind: what the registry holds ("model", "loss"), for the sentence.
        params: keyword arguments of the registered class or function.

    Raises:
        InputError: if `name` is not registered or a parameter does not fit it.
    """
    make = lookup(registry, name, kind)
    check_parameters(make, params, f"{kind} {name!r}")
    return make(**params)


def lookup(registry: Mapping[str, T], name: str, kind: str = "name") -> T:
    """Return `registry[name]`, or raise an InputError that names the nearest choices."""
    if name not in registry:
        raise InputError(f"unknown {kind} {name!r}; {nearest(name, registry)}")
    return registry[name]


@cache
def parameters(make: Callable) -> dict[str, inspect.Parameter]:
    """Return the parameters that a registered class or function takes, by name."""
    return dict(inspect.signature(make).parameters)


def check_parameters(make: Callable, params: Mapping[str, Any], owner: str) -> None:
    """Raise an InputError if `make(**params)` would not fit its signature."""
    accepted = parameters(make)
    if not any(p.kind is p.VAR_KEYWORD for p in accepted.values()):
        for name in params:
            if name not in accepted:
                raise InputError(f"{owner} takes no parameter {name!r}; {nearest(name, accepted)}")
    missing = [
        name
        for name, p in accepted.items()
        if p.default is p.empty
        and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
        and name not in params
    ]
    if missing:
        raise InputError(f"{owner} needs {', '.join(map(repr, missing))}")
