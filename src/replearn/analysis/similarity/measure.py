"""What a similarity measure promises, and how its name is written with parameters."""

import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from numbers import Integral, Real
from typing import Any

import numpy as np

from replearn.analysis.similarity.products import Products
from replearn.analysis.similarity.representation import Array
from replearn.errors import InputError, nearest
from replearn.registry import lookup, parameters

TRANSFORMATIONS = frozenset({"translation", "rotation", "scaling", "permutation", "linear"})
"""What may be done to the features of one side: shift, rotate or reflect, multiply by one positive
number, reorder columns, multiply by any invertible matrix."""


# What may be given for a parameter, by the type of its default.
_TYPES = {int: (Integral, "a whole number"), float: (Real, "a number"), str: (str, "a word")}


@dataclass(frozen=True)
class Measure:
    """A similarity measure or distance of two representations; the tests check every promise.

    Attributes:
        name: its key in MEASURES.
        matrix: `(Products, **params) -> (I, J)`, the values of all pairs; NaN where undefined.
            With `describe`: `(list of I descriptions, list of J descriptions, **params)`.
            If it uses factors: `(Crosses, **params) -> (I, J)`.
            With `pairwise`: `(Cross, **params) -> float`, the value of one pair.
        identical: value of a representation with itself; None where it depends on it.
        higher_is_closer: whether larger values mean more alike.
        range: smallest and largest value.
        symmetric: whether the order of the two does not matter.
        is_metric: whether it satisfies the triangle inequality and tells apart what differs by
            more than its invariances; a difference of two numbers does not.
        invariant_to: members of TRANSFORMATIONS that never change it.
        invariant_to_second: those of the second argument alone, where they are others.
        source: paper and equation.
        min_inputs: least number N of inputs.
        uses: what it takes from a prepared representation: "gram" (inner products of Gram
            matrices), "coordinates", "factors" (singular vectors and values).
        describe: `(x (N, D) as given, float64, **params) -> description`, made once of each
            representation; the measure sees nothing else of it. It takes those of the measure's
            parameters that it names. Of outputs and posteriors it gets the mapping.
        as_given: whether `describe` gets activations in the precision that they have, so that it
            knows what of them is rounding.
        pairwise: whether `matrix` is of one pair, of which it gets the cross product.
        null: `(Products, **params) -> (I, J)`, its mean over all re-pairings of the inputs.
        null_sd: likewise its standard deviation over these.
        error: `(Products, **params) -> (I, J)`, its standard error over the choice of inputs.
        float32: whether large products in float32 change it by less than 1e-6.
        undefined_when: besides constant representations, where its value is NaN; in words.
        input_kind: what it compares: "activations", arrays (N, D); "outputs", mappings of logits
            (N, C) and labels (N,); "posteriors", mappings of mean and logvar (N, D).
        equal_widths: whether both must have the same number D of features.
        groups: names under which it is also asked for.
        paired: whether it matters which row of one belongs to which row of the other.
        package: an optional package that it needs.
    """

    name: str
    matrix: Callable[..., Any]
    identical: float | None
    higher_is_closer: bool
    range: tuple[float, float]
    symmetric: bool
    is_metric: bool
    invariant_to: frozenset[str]
    source: str
    min_inputs: int = 4
    uses: frozenset[str] = frozenset({"gram"})
    describe: Callable[..., Any] | None = None
    as_given: bool = False
    pairwise: bool = False
    null: Callable[..., Array] | None = None
    null_sd: Callable[..., Array] | None = None
    error: Callable[..., Array] | None = None
    float32: bool = False
    undefined_when: str = ""
    input_kind: str = "activations"
    equal_widths: bool = False
    groups: frozenset[str] = frozenset()
    invariant_to_second: frozenset[str] | None = None
    paired: bool = True
    package: str = ""

    @property
    def reducible(self) -> bool:
        """Whether coordinates with the same centred Gram matrix give the same value."""
        return {"translation", "rotation"} <= self.invariant_to

    @property
    def of_spans(self) -> bool:
        """Whether of one side at least the span of the features is all that matters."""
        return "linear" in (self.invariant_to | (self.invariant_to_second or frozenset()))


@dataclass(frozen=True)
class Chosen:
    """A measure with its parameters, as in `jaccard:k=10`."""

    measure: Measure
    params: Mapping[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """Return the name with the parameters that were given, in the order of the names."""
        given = ",".join(f"{name}={value}" for name, value in sorted(self.params.items()))
        return f"{self.measure.name}:{given}" if given else self.measure.name

    @property
    def spec(self) -> dict[str, Any]:
        """Return what `choose` makes this of."""
        return {"name": self.measure.name, **self.params}

    def values(self, products: Products) -> Array:
        """Return the values (I, J) of all pairs of `products`."""
        if self.measure.describe is not None:
            rows, columns = products.described(self.description)
            return self.measure.matrix(rows, columns, **self.params)
        return self.measure.matrix(products, **self.params)

    @property
    def description(self) -> str:
        """Return the name under which descriptions are kept; measures may share them."""
        make, params = self._describe()
        given = ",".join(f"{name}={value}" for name, value in sorted(params.items()))
        scaled = " scaled" if self._scaled else ""
        return f"{make.__module__}.{make.__qualname__}({given}){scaled}"

    def describe(self, x: Any) -> Any:
        """Return the description of a representation (N, D); errors as `check_inputs`."""
        make, params = self._describe()
        activations = self.measure.input_kind == "activations"
        self.check_inputs(len(x if activations else next(iter(x.values()))))
        if activations and not self.measure.as_given:
            x = x.astype(np.float64)
        if self._scaled and (largest := float(np.abs(x).max())) > 0:
            # Dividing by a power of two rounds nothing; then squares neither overflow nor vanish.
            x = x / float(2.0 ** np.floor(np.log2(largest)))
        return make(x, **params)

    @property
    def _scaled(self) -> bool:
        return "scaling" in self.measure.invariant_to and self.measure.input_kind == "activations"

    def check_inputs(self, n: int) -> None:
        """Raise an InputError if `n` inputs are too few."""
        if n < (least := self.measure.min_inputs):
            raise InputError(f"{self.label} needs at least {least} inputs, got {n}.")

    def sample(self, n: int) -> int:
        """Return how many of `n` inputs it looks at."""
        return min(n, self._all_params.get("sample", n))

    @property
    def _all_params(self) -> dict[str, Any]:
        return _defaults(self.measure) | dict(self.params)

    def _describe(self) -> tuple[Callable[..., Any], dict[str, Any]]:
        make = self.measure.describe
        if make is None:
            raise RuntimeError(f"{self.measure.name} describes nothing")
        return make, {k: self._all_params[k] for k in list(parameters(make))[1:]}

    def null(self, products: Products) -> Array | None:
        """Return the means (I, J) over re-pairings, or None where no closed form is known."""
        return self.measure.null(products, **self.params) if self.measure.null else None

    def null_sd(self, products: Products) -> Array | None:
        """Return the standard deviations (I, J) over re-pairings, or None where unknown."""
        return self.measure.null_sd(products, **self.params) if self.measure.null_sd else None

    def error(self, products: Products) -> Array | None:
        """Return the standard errors (I, J) over inputs, or None where none is known."""
        return self.measure.error(products, **self.params) if self.measure.error else None


def kept_precision(chosen: Iterable[Chosen], precision: str) -> str:
    """Return the precision in which representations may be kept, for products in `precision`.

    It is float64 if one of the measures needs that.
    """
    exact = any(c.measure.uses and not c.measure.float32 for c in chosen)
    return "float64" if exact else precision


def choose(spec: str | Mapping[str, Any], measures: Mapping[str, Measure]) -> Chosen:
    """Return the measure that `spec` names: "jaccard", "jaccard:k=10" or {name: jaccard, k: 10}.

    Raises:
        InputError: if the name is unknown, or a parameter does not belong to it or is not of the
            type of its default.
    """
    if isinstance(spec, str):
        name, _, rest = spec.partition(":")
        params = dict(_parameter(part, spec) for part in rest.split(",") if part)
    else:
        params = dict(spec)
        name = params.pop("name", None)
        if name is None:
            raise InputError(f"a measure given as a mapping needs a 'name', got {dict(spec)}.")
    measure = lookup(measures, name, "measure")
    _check_parameters(measure, params)
    return Chosen(measure, params)


def choose_all(
    specs: str | Mapping[str, Any] | Iterable[str | Mapping[str, Any]],
    measures: Mapping[str, Measure],
) -> list[Chosen]:
    """Return the measures that `specs` name, each once; a group's name stands for its members.

    A minus leaves one of those before it out: ["resi", "-rtd"]. A member of a group whose package
    is not installed is left out with a warning.

    Raises:
        InputError: as `choose`, or if nothing is named, or what is left out was not there.
    """
    if isinstance(specs, str) or (isinstance(specs, Mapping) and "name" in specs):
        listed: list[Any] = [specs]
    else:
        listed = list(specs)
    groups = {group for measure in measures.values() for group in measure.groups}
    chosen: dict[str, Chosen] = {}
    for spec in listed:
        if isinstance(spec, str) and spec in groups:
            found = [
                Chosen(m) for m in measures.values() if spec in m.groups and _is_there(m, spec)
            ]
        elif isinstance(spec, str) and spec.startswith("-"):
            if spec[1:] not in chosen:
                raise InputError(
                    f"measures={spec} leaves out what was not named before; "
                    f"{nearest(spec[1:], chosen)}"
                )
            del chosen[spec[1:]]
            continue
        else:
            found = [choose(spec, measures)]
        chosen.update({one.label: one for one in found})
    if not chosen:
        raise InputError(f"name at least one measure; choose from {', '.join(sorted(measures))}.")
    return list(chosen.values())


def _defaults(measure: Measure) -> dict[str, Any]:
    """Return the parameters of a measure with their defaults: all but what is compared."""
    own = parameters(measure.matrix).items()
    return {name: p.default for name, p in own if p.default is not p.empty}


def _check_parameters(measure: Measure, params: Mapping[str, Any]) -> None:
    own = _defaults(measure)
    if params and not own:
        raise InputError(f"measure {measure.name!r} takes no parameters, got {', '.join(params)}.")
    for name, value in params.items():
        if name not in own:
            raise InputError(
                f"measure {measure.name!r} takes no parameter {name!r}; {nearest(name, own)}"
            )
        kind, words = _TYPES[type(own[name])]
        if not isinstance(value, kind) or isinstance(value, bool):
            raise InputError(f"{name} of {measure.name} must be {words}, got {value!r}.")


def _is_there(measure: Measure, group: str) -> bool:
    """Return whether the package that a member of a group needs is installed, and warn if not."""
    there = not measure.package or find_spec(measure.package) is not None
    if not there:
        warnings.warn(
            f"{measure.name} of the group {group} is left out: it needs pip install "
            f"{measure.package}",
            stacklevel=4,
        )
    return there


def _parameter(part: str, spec: str) -> tuple[str, Any]:
    name, equals, text = part.partition("=")
    if not equals:
        raise InputError(f"expected name=value after the colon of {spec!r}, got {part!r}.")
    for convert in (int, float):
        try:
            return name.strip(), convert(text)
        except ValueError:
            continue
    named = {"true": True, "false": False}
    return name.strip(), named.get(text.strip().lower(), text.strip())
