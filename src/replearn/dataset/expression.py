"""Expressions over factors of variation, such as "shape == 'square' and posX > 0.5"."""

import ast
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from replearn.dataset.images import FactorSpace
from replearn.errors import InputError, nearest

SNAP = 1e-9  # of a factor's range: numbers that are closer than this are equal
_LONGEST = 2000  # characters
_GRAMMAR = "comparisons of factors with values, joined by and, or, not"
_ORDERS: dict[type, Callable] = {ast.Lt: operator.lt, ast.Gt: operator.gt}
_WITH_EQUAL: dict[type, Callable] = {ast.LtE: operator.lt, ast.GtE: operator.gt}
_SIGNS: dict[type, str] = {ast.Lt: "<", ast.Gt: ">", ast.LtE: "<=", ast.GtE: ">="}


@dataclass(frozen=True)
class _Factor:
    """A factor on one side of a comparison: where its values (...) are, and how far they reach."""

    name: str
    index: NDArray[np.int64]
    values: NDArray | None  # (...), or None if they are no numbers
    words: Sequence[str]  # the names of its values, or ()
    tolerance: float


@dataclass(frozen=True)
class Expression:
    """A condition on combinations of factors, checked when it is made.

    It is read node by node and never evaluated as code. Numbers are compared with the values of a
    factor, quoted words with the names of its values, and `factor.index` is the number of a value,
    from 0. A factor whose name is no word of Python is written in quotes, too.

    Attributes:
        text: what was written.
        space: the factors that it may name.
        key: the config key that it stands in, for the sentence.
        named: the factors that it names, in the order of the space.

    Raises:
        InputError: if it is no such condition, or names an unknown factor or value.
    """

    text: str
    space: FactorSpace
    key: str = "dataset.holdout"
    named: tuple[str, ...] = field(init=False)
    _tree: ast.expr = field(init=False, repr=False, compare=False)

    def __post_init__(self):
        if not isinstance(self.text, str) or not self.text.strip():
            self._refuse(f"must be an expression such as \"shape == 'square'\", got {self.text!r}")
        if len(self.text) > _LONGEST:
            self._refuse(f"has {len(self.text):,} characters; write at most {_LONGEST:,}")
        try:
            tree = ast.parse(self.text.strip(), mode="eval").body
        except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
            self._refuse(f"cannot be read: {self.text!r} ({error}); write {_GRAMMAR}", error)
        words = {name for node in ast.walk(tree) if (name := _word(node)) is not None}
        object.__setattr__(self, "named", tuple(n for n in self.space.names if n in words))
        object.__setattr__(self, "_tree", tree)
        self.of(np.empty((0, len(self.space.names)), np.int64))  # finds every fault

    def of(self, factors: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return for which rows (N,) of factor indices (N, K) it holds."""
        return np.broadcast_to(self._holds(tuple(factors.T)), len(factors))

    def on_grid(self) -> NDArray[np.bool_]:
        """Return for which combinations it holds, with an axis of length 1 for factors unnamed."""
        return self._holds(np.ix_(*map(np.arange, self.space.sizes)))

    def _holds(self, index: tuple[NDArray[np.int64], ...]) -> NDArray[np.bool_]:
        try:
            return self._truth(self._tree, index)
        except RecursionError as error:
            self._refuse("is nested too deeply; write it with fewer brackets", error)

    def _truth(self, node: ast.expr, index: tuple) -> NDArray[np.bool_]:
        match node:
            case ast.BoolOp(op=op, values=parts):
                join = np.logical_and if isinstance(op, ast.And) else np.logical_or
                return reduce(join, [self._truth(part, index) for part in parts])
            case ast.UnaryOp(op=ast.Not(), operand=part):
                return ~self._truth(part, index)
            case ast.Compare(left=left, ops=ops, comparators=rights):
                pairs = zip([left, *rights], ops, rights, strict=False)
                return reduce(np.logical_and, [self._compare(*pair, index) for pair in pairs])
            case ast.Call():
                self._refuse(f"has the call {ast.unparse(node)!r}; write {_GRAMMAR}")
            case ast.Name() | ast.Attribute() | ast.Constant():
                shown = ast.unparse(node)
                self._refuse(f"has {shown!r} alone; compare it, as in {shown} == 1")
        self._refuse(f"has {ast.unparse(node)!r}, which is not one of {_GRAMMAR}")

    def _compare(self, left: ast.expr, op: ast.cmpop, right: ast.expr, index: tuple) -> NDArray:
        if isinstance(op, ast.In | ast.NotIn):
            if not isinstance(right, ast.Tuple | ast.List | ast.Set) or not right.elts:
                shown = ast.unparse(right)
                self._refuse(f"asks for values in {shown!r}; give a list, such as [0, 1]")
            found = [self._compare(left, ast.Eq(), each, index) for each in right.elts]
            return reduce(np.logical_or, found) ^ isinstance(op, ast.NotIn)
        one, other = self._operand(left, index), self._operand(right, index)
        if not isinstance(one, _Factor) and not isinstance(other, _Factor):
            shown = f"{ast.unparse(left)} and {ast.unparse(right)}"
            self._refuse(f"compares {shown}, none of which is a factor; {self._choices('')}")
        if isinstance(one, str) or isinstance(other, str):
            return self._named_value(one, op, other)
        if isinstance(op, ast.Is | ast.IsNot):
            self._refuse("has 'is'; write == or !=")
        a, b = (self._numbers(each) for each in (one, other))
        near = np.abs(a - b) <= max(getattr(each, "tolerance", 0.0) for each in (one, other))
        if isinstance(op, ast.Eq | ast.NotEq):
            return near ^ isinstance(op, ast.NotEq)
        if type(op) in _ORDERS:
            return _ORDERS[type(op)](a, b) & ~near
        return _WITH_EQUAL[type(op)](a, b) | near

    def _operand(self, node: ast.expr, index: tuple) -> "_Factor | float | str":
        match node:
            case ast.Constant(value=str(word)) if word.isidentifier() or not self._knows(word):
                return word
            case ast.Name(id=name) | ast.Constant(value=str(name)):
                return self._factor(name, index)
            case ast.Attribute(value=ast.Name(id=name) | ast.Constant(value=str(name)), attr=attr):
                factor = self._factor(name, index)
                if attr != "index":
                    self._refuse(f"has {ast.unparse(node)!r}; a factor has .index and nothing else")
                return _Factor(name, factor.index, factor.index, (), 0.0)
            case ast.Constant(value=bool()):
                pass
            case ast.Constant(value=int() | float() as number):
                return float(repr(number))  # inf, where an integer has hundreds of digits
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
                return -float(repr(number))
            case ast.Call():
                self._refuse(f"has the call {ast.unparse(node)!r}; write {_GRAMMAR}")
            case ast.BinOp():
                shown = ast.unparse(node)
                self._refuse(f"has arithmetic, {shown!r}; compare factors with plain values")
        self._refuse(f"has {ast.unparse(node)!r}, where a factor, a number or a word was expected")

    def _knows(self, name: str) -> bool:
        return name in self.space.names

    def _factor(self, name: str, index: tuple) -> _Factor:
        if not self._knows(name):
            for owner, words in self.space.value_names.items():
                if name in words:
                    self._refuse(
                        f"has {name}, a value of {owner}, without quotes; write {owner} == {name!r}"
                    )
            self._refuse(f"names {name!r}, which is no factor; {self._choices(name)}")
        k = self.space.names.index(name)
        values = self.space.values[k] if self.space.values else np.arange(self.space.sizes[k])
        words = self.space.value_names.get(name, ())
        if values.dtype.kind not in "iufb":
            return _Factor(name, index[k], None, words or self.space.named_values(k), 0.0)
        values = values.astype(float)
        return _Factor(name, index[k], values[index[k]], words, SNAP * float(np.ptp(values)))

    def _numbers(self, operand: "_Factor | float | str") -> Any:
        if not isinstance(operand, _Factor):
            return operand
        if operand.values is None:
            self._refuse(
                f"compares {operand.name}, whose values are no numbers, with one; compare "
                f"{operand.name}.index"
            )
        return operand.values

    def _named_value(self, one: Any, op: ast.cmpop, other: Any) -> NDArray[np.bool_]:
        factor, word = (one, other) if isinstance(other, str) else (other, one)
        if not isinstance(op, ast.Eq | ast.NotEq):
            sign = _SIGNS.get(type(op), "is")
            self._refuse(f"compares {factor.name} with {word!r} by {sign}; write == or !=")
        if not factor.words:
            self._refuse(f"compares {factor.name}, whose values are numbers, with {word!r}")
        if word not in factor.words:
            self._refuse(
                f"names {word!r}, no value of {factor.name}; {nearest(word, factor.words)}"
            )
        return (factor.index == factor.words.index(word)) ^ isinstance(op, ast.NotEq)

    def _choices(self, name: str) -> str:
        return nearest(name, self.space.names)

    def _refuse(self, fault: str, cause: BaseException | None = None) -> NoReturn:
        raise InputError(f"{self.key} {fault}") from cause


def _word(node: ast.AST) -> str | None:
    """Return what may be the name of a factor."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return None if node.value.isidentifier() else node.value
    return None
