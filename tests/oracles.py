"""What the derivatives of an operation are, found without its rules.

The cases come from the registry: shapes and parameters from an entry's `examples`, or from its
signature where it has none; values from its `domain`. The oracles know only `forward`, or the
printed Python form: central differences, the complex step, HIPS autograd, and central differences
of central differences for the second order.
"""

from __future__ import annotations

import sys
import zlib
from dataclasses import dataclass, field
from typing import Any

import autograd
import autograd.numpy as anp
import autograd.scipy.special
import numpy as np
import pytest

import autograd_lite as al
from autograd_lite import ops
from autograd_lite.core.primitive import REGISTRY, Primitive
from autograd_lite.derive.helpers import definition, is_called
from autograd_lite.ops.writing import Written, write

FAMILIES = {
    1: [((),), ((3,),), ((2, 3),), ((0, 3),), ((1, 3),)],
    2: [
        ((), ()),
        ((2, 3), (2, 3)),
        ((), (3,)),
        ((2, 3), (3,)),
        ((2, 1), (1, 3)),
        ((4, 2, 3), (2, 1)),
        ((0, 3), (3,)),
    ],
    3: [
        ((), (), ()),
        ((2, 3), (2, 3), (2, 3)),
        ((), (3,), (2, 1)),
        ((2, 3), (3,), ()),
        ((2, 1), (1, 3), (4, 1, 1)),
        ((0, 3), (3,), ()),
    ],
}
"""Shapes of the operands of an elementwise operation, by their number."""


@dataclass(frozen=True, eq=False)
class Case:
    """One operation, with shapes for its operands and values for its static parameters."""

    entry: Primitive
    number: int
    shapes: tuple[tuple[int, ...], ...]
    given: dict[str, Any]
    _cache: dict[Any, Any] = field(default_factory=dict, repr=False)

    def __str__(self):
        return f"{self.entry.name}-{self.number}"

    @property
    def parameters(self):
        return {**self.entry.defaults, **self.given}

    @property
    def names(self):
        """A name for every operand; the operands of a variadic operation are numbered."""
        if self.entry.variadic:
            return tuple(f"{self.entry.operands[0]}{i}" for i in range(len(self.shapes)))
        return self.entry.operands

    @property
    def domains(self):
        domain = self.entry.domain
        if self.entry.variadic:
            return (domain[self.entry.operands[0]],) * len(self.shapes)
        return tuple(domain[name] for name in self.entry.operands)

    @property
    def differentiable(self):
        return [i for i in range(len(self.shapes)) if self.entry.rules[i] is not None]

    def rng(self, purpose):
        return np.random.default_rng(zlib.crc32(f"{self}:{purpose}".encode()))

    def operands(self, dtype=np.float64):
        """Read-only arrays from the domains. All numbers differ, by far more than any step."""
        return self.once(("operands", dtype), lambda: self._operands(dtype))

    def _operands(self, dtype):
        sizes = [int(np.prod(shape)) for shape in self.shapes]
        rng, total = self.rng("operands"), sum(sizes)
        spread = (rng.permutation(total) + rng.uniform(0.2, 0.8, total)) / max(total, 1)
        drawn, start = [], 0
        for shape, size, kind in zip(self.shapes, sizes, self.domains, strict=True):
            unit = spread[start : start + size].reshape(shape)  # In (0, 1).
            start += size
            if kind == "boolean":
                array = unit > 0.5
            else:
                # Exact in every precision.
                array = np.array(DRAWN[kind](unit), np.float32).astype(dtype)
            drawn.append(locked(array))
        return tuple(drawn)

    def cotangent(self, dtype=np.float64):
        """Random and nowhere uniform: ones are blind to permutations, and to softmax x 777."""
        return self.once(("cotangent", dtype), lambda: self._cotangent(dtype))

    def _cotangent(self, dtype):
        shape = np.shape(self.forward(self.operands()))
        g = self.rng("cotangent").uniform(0.5, 1.5, shape)
        return locked(
            (g * np.where(self.rng("sign").uniform(size=shape) < 0.5, -1, 1)).astype(dtype)
        )

    def direction(self, i):
        """A random direction in the space of operand `i`."""
        return locked(self.rng(f"direction {i}").uniform(0.5, 1.5, self.shapes[i]))

    @property
    def turns_complex(self):
        """Whether real operands have a complex result, of which `real_of` makes real numbers."""
        y = self.once("result", lambda: self.entry.forward(*self.operands(), **self.parameters))
        return y.dtype.kind == "c"

    def forward(self, operands):
        y = self.entry.forward(*operands, **self.parameters)
        return real_of(y) if self.turns_complex else y

    def python(self):
        """The printed Python form, with the operands under their names."""
        return str(write(self.entry, [Written(name) for name in self.names], self.parameters))

    def once(self, key, compute):
        """Compute a value once; the checkers are checked against it many times."""
        if key not in self._cache:
            self._cache[key] = compute()
        return self._cache[key]


def real_of(y, np=np):
    """Real numbers in which both parts of complex ones count."""
    return np.real(y) + 2 * np.imag(y)


def matrices(unit):
    """Numbers in (0, 1) to matrices whose eigenvalues and singular values keep apart."""
    m, n = unit.shape[-2:]
    sign = (-1.0) ** np.arange(m)[:, None]
    return (0.8 * unit - 0.4) + sign * np.eye(m, n) * (1.5 * np.arange(m)[:, None] + 1)


def symmetric(x):
    return np.where(np.tri(x.shape[-1]), x, x.swapaxes(-1, -2))


DRAWN = {
    "real": lambda unit: 4 * unit - 2,
    "positive": lambda unit: 0.5 + 1.5 * unit,
    "nonzero": lambda unit: np.where(unit < 0.5, unit * 3 - 2, unit * 3 - 1),
    "above one": lambda unit: 1.2 + 1.5 * unit,
    "probability": lambda unit: 0.1 + 0.6 * unit,
    "increasing": lambda unit: np.sort(4 * unit - 2),
    "full rank": matrices,
    "symmetric": lambda unit: symmetric(matrices(unit)),
    "positive definite": lambda unit: symmetric(abs(matrices(unit))),
}
"""How numbers in (0, 1) become operands from a domain."""


def locked(array):
    """A read-only array that owns its data: a rule that writes to it raises."""
    array = np.array(array)
    array.flags.writeable = False
    return array


def cases(names=None):
    """Every case of every entry of the package."""
    made = []
    for name, entry in REGISTRY.items():
        if entry.__module__.startswith("autograd_lite.") and (names is None or name in names):
            examples = entry.examples or [(shapes, {}) for shapes in FAMILIES[len(entry.operands)]]
            made += [Case(entry, k, *example) for k, example in enumerate(examples)]
    return made


def each_operand(made):
    """Every case with every operand that has a rule, for `over`."""
    return [(case, i) for case in made for i in case.differentiable]


def over(made):
    """Run a test for every case, all of an entry in one item: items take longer than cases."""
    groups: dict[str, list[Any]] = {}
    for given in made:
        given = given if isinstance(given, tuple) else (given,)
        groups.setdefault(given[0].entry.name, []).append(given)

    def decorate(test):
        def run(group):
            for case, *operand in group:
                try:
                    test(case, *operand)
                except BaseException as error:  # A skip, too: it says which case it was.
                    at = "".join(f", operand {case.names[i]}" for i in operand)
                    error.add_note(f"In the case {case}{at}, with {case.given}.")
                    raise

        run.__name__, run.__doc__, run.__module__ = test.__name__, test.__doc__, test.__module__
        return pytest.mark.parametrize("group", groups.values(), ids=groups)(run)

    return decorate


# ------------------------------------------------------------ derivatives without rules


def slope(f, step=1e-3):
    """Derivative at 0 of a function of one number, by central differences of fourth order."""
    near, far = f(step) - f(-step), f(2 * step) - f(-2 * step)
    return (8 * near - far) / (12 * step)


def perturbed(arrays, i, change):
    return (*arrays[:i], locked(arrays[i] + change), *arrays[i + 1 :])


def units(shape, dtype=float):
    """The unit arrays of a shape, one for every entry."""
    for index in np.ndindex(shape):
        unit = np.zeros(shape, dtype)
        unit[index] = 1
        yield index, unit


def by_central_differences(f, arrays, i):
    """Gradient of a function to numbers with respect to array `i`."""
    gradient = np.zeros(np.shape(arrays[i]))
    for index, unit in units(gradient.shape):
        gradient[index] = slope(lambda h, unit=unit: f(*perturbed(arrays, i, h * unit)))
    return gradient


def by_complex_step(f, arrays, i, step=1e-30):
    """Gradient of an analytic function: no difference is taken, so no digit is lost."""
    arrays = tuple(a if a.dtype == bool else locked(a.astype(complex)) for a in arrays)
    gradient = np.zeros(np.shape(arrays[i]))
    for index, unit in units(gradient.shape):
        gradient[index] = np.imag(f(*perturbed(arrays, i, 1j * step * unit))) / step
    return gradient


# ------------------------------------------------------------ the oracles

HIPS_LACKS = dict.fromkeys(
    # These run in it, and have no derivative there.
    (
        "copysign",
        "cross",  # But of arrays of one shape.
        "fmod",
        "cbrt",
        "cumprod",
        "diagflat",
        "flip",
        "i0",
        "bessel",
        "erf",
        "resize",
        "take",
        "take_along_axis",
        "pad",  # But where the mode is said by position.
        "vector_norm",
        "qr",
        "convolve",
        "interp",
        "interp_adjoint",
        "interp_derivative",
        "interp_derivative_adjoint",
        # These write into arrays, and views of them.
        "conv",
        "conv_input",
        "conv_weight",
        "max_pool",
        "max_pool_adjoint",
        "max_pool_pick",
        "sum_pool",
        "sum_pool_adjoint",
        "lstm",
        "cholesky",  # It spreads the gradient over both triangles.
        *(
            entry.name
            for entry in REGISTRY.values()
            if entry.__module__ in ops.WITH_SCIPY
            and getattr(autograd.scipy.special, entry.name, None)
            not in autograd.core.primitive_vjps
        ),
    ),
    lambda case: True,
) | {
    "assign": lambda case: True,  # It has no in-place assignment,
    "scatter_add": lambda case: True,  # and no counterpart of this.
    "copy": lambda case: True,  # Its np.copy has no derivative.
    "broadcast_to": lambda case: True,  # It takes the shape by position only.
    "where": lambda case: len(set(case.shapes)) > 1,  # It does not undo broadcasting.
    "concatenate": lambda case: case.given.get("axis", 0) is None,  # It needs an axis.
    # What has several axes, or parameters of several numbers, it refuses or takes for another.
    "diagonal": lambda case: case.given != {"axis1": -1, "axis2": -2},
    "rfft": lambda case: True,  # It has even lengths only, and errs for norm="forward".
    "irfft": lambda case: "n" in case.given or "norm" in case.given,  # So here.
    "angle": lambda case: "deg" in case.given,  # It takes no parameter.
    "partition": lambda case: len(case.shapes[0]) > 1,
    "sort": lambda case: len(case.shapes[0]) > 1 or "stable" in case.given,
    "repeat": lambda case: np.ndim(case.given["repeats"]) > 0 or case.shapes[0] == (),
    "roll": lambda case: isinstance(case.given["shift"], tuple),
    "rot90": lambda case: "axes" in case.given,
    "tile": lambda case: case.given["reps"] == 0,
    "tril": lambda case: len(case.shapes[0]) < 2,
    "triu": lambda case: len(case.shapes[0]) < 2,
    "solve": lambda case: max(map(len, case.shapes)) > 2,  # It takes one system only.
    "pinv": lambda case: bool(case.given),  # It takes no other argument,
    "trace": lambda case: "axis1" in case.given,  # nor an axis here.
    "einsum": lambda case: any(
        1 in shape or len(set(term)) < len(term)  # It takes no diagonal, and stretches nothing.
        for term, shape in zip(
            case.given["subscripts"].partition("->")[0].split(","), case.shapes, strict=True
        )
    ),
}
"""Where the reference has nothing to compare with."""


class Oracle:
    """Knows what a gradient should be, and compares what a rule makes of it."""

    tolerance = 1e-9

    def applies(self, case):
        return True

    def scale(self, want):
        """How large the numbers are that may be a little wrong."""
        return 1.0

    def expected(self, case, i):
        raise NotImplementedError

    def actual(self, primitive, case, i):
        """The gradient by the rules of `primitive`, which may be a broken copy of the entry."""
        return [gradient_of(primitive, case, i, case.operands(), case.cotangent())]

    def pairs(self, primitive, case, i):
        """What the rules give, what they should give, and by how much the two may differ."""
        expected = case.once((type(self), i), lambda: self.expected(case, i))
        for got, want in zip(self.actual(primitive, case, i), expected, strict=True):
            yield got, want, {"rtol": self.tolerance, "atol": self.tolerance * self.scale(want)}

    def agrees(self, primitive, case, i):
        """Whether the rules are right."""
        return all(
            got.shape == np.shape(want) and np.allclose(got, want, equal_nan=True, **tolerances)
            for got, want, tolerances in self.pairs(primitive, case, i)
        )

    def check(self, primitive, case, i):
        """Raise an AssertionError that says where the rules are wrong, if they are."""
        for got, want, tolerances in self.pairs(primitive, case, i):
            assert got.shape == np.shape(want)
            np.testing.assert_allclose(got, want, **tolerances)


def contracted(case, cotangent):
    """<cotangent, forward(operands)>, a function of plain arrays."""
    return lambda *operands: (case.forward(operands) * cotangent).sum()


class CentralDifferences(Oracle):
    """Fourth-order central differences of the forward pass."""

    def expected(self, case, i):
        f = contracted(case, case.cotangent())
        return [by_central_differences(f, case.operands(), i)]


class ComplexStep(Oracle):
    """The imaginary part of the forward pass a tiny imaginary step away."""

    tolerance = 1e-13

    def applies(self, case):
        return case.entry.analytic and not case.turns_complex

    def expected(self, case, i):
        f = contracted(case, case.cotangent())
        return [by_complex_step(f, case.operands(), i)]


def log_of_sums(x, axis=0, keepdims=False):
    """``np.logaddexp.reduce``, which HIPS autograd lacks."""
    top = np.max(getattr(x, "_value", x), axis=axis, keepdims=True)
    result = anp.log(anp.sum(anp.exp(x - top), axis=axis, keepdims=True)) + top
    return result if keepdims else anp.squeeze(result, axis=axis)


anp.logaddexp.reduce = log_of_sums


class Hips(Oracle):
    """HIPS autograd, differentiating the printed Python form."""

    tolerance = 1e-13

    def applies(self, case):
        return not HIPS_LACKS.get(case.entry.name, lambda case: False)(case)

    def expected(self, case, i):
        names, cotangent = case.names, case.cotangent()

        def f(*operands):
            given = HIPS_SCOPE | dict(zip(names, operands, strict=True))
            y = eval(case.python(), given)
            return anp.sum((real_of(y, anp) if case.turns_complex else y) * cotangent)

        return [np.asarray(autograd.grad(f, i)(*case.operands()))]


class Float32(CentralDifferences):
    """Central differences in double precision, for a gradient computed in single precision."""

    tolerance = 2e-5

    def scale(self, want):
        return np.abs(want).max(initial=0.0) or 1.0

    def actual(self, primitive, case, i):
        operands = case.operands(np.float32)
        g = gradient_of(primitive, case, i, operands, case.cotangent(np.float32))
        assert g.dtype == np.float32
        return [g]


class SecondOrder(Oracle):
    """Central differences of the directional derivative, itself a central difference.

    Of <r, gradient of operand i>, for a random r: its derivatives with respect to the cotangent
    and to every operand, which are numbers again; none of it looks at a rule.
    """

    tolerance = 1e-7
    bare = False

    def wanted(self, case, i):
        """The operands that are differentiated with respect to."""
        return case.differentiable

    def expected(self, case, i):
        operands, c, r = case.operands(), case.cotangent(), case.direction(i)

        def along(*operands):
            return slope(lambda h: case.forward(perturbed(operands, i, h * r)))

        def directional(*operands):
            return (along(*operands) * c).sum()

        return [
            along(*operands),
            *(by_central_differences(directional, operands, j) for j in self.wanted(case, i)),
        ]

    def actual(self, primitive, case, i):
        wanted = self.wanted(case, i)
        tensors = [
            al.Tensor(x, requires_grad=True) if k in wanted else x
            for k, x in enumerate(case.operands())
        ]
        c = al.Tensor(case.cotangent(), requires_grad=True)
        y = primitive(*tensors, **case.given)
        (real_of(y) if case.turns_complex else y).backward(c, create_graph=True)
        first = tensors[i].grad
        for tensor in (c, *(tensors[j] for j in wanted)):
            tensor.zero_grad()
        (first * case.direction(i)).sum().backward()
        return [
            np.zeros(tensor.shape) if tensor.grad is None else tensor.grad.numpy()
            for tensor in (c, *(tensors[j] for j in wanted))
        ]


class SecondOrderBesideConstants(SecondOrder):
    """The same where all other operands are bare arrays, not Tensors."""

    def applies(self, case):
        return len(case.shapes) > 1

    def wanted(self, case, i):
        return [i]


ORACLES = {
    "central": CentralDifferences(),
    "complex": ComplexStep(),
    "hips": Hips(),
    "float32": Float32(),
    "second": SecondOrder(),
    "second-bare": SecondOrderBesideConstants(),
}


def gradient_of(primitive, case, i, operands, cotangent):
    """Gradient of operand `i` by the rules, all others being bare arrays."""
    operand = al.Tensor(operands[i], requires_grad=True)
    result = primitive(*operands[:i], operand, *operands[i + 1 :], **case.given)
    if case.turns_complex:
        result = real_of(result)
    if result.dtype != cotangent.dtype:  # astype
        cotangent = locked(cotangent.astype(result.dtype))
    result.backward(cotangent)
    assert operand.grad.dtype == operand.dtype
    return operand.grad.numpy()


def scope(np, special=None):
    """What a printed Python form may refer to: NumPy, and what a derivation imports and defines."""
    names = {"np": np, "special": special}
    for entry in filter(is_called, REGISTRY.values()):
        exec(definition(entry), names)
    return names


NUMPY_SCOPE = scope(np, sys.modules.get("scipy.special"))
HIPS_SCOPE = scope(anp, autograd.scipy.special)
