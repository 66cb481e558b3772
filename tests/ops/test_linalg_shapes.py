"""NumPy's products and linear algebra on Tensors: subscripts, axes, stacks, all kinds of shapes."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from linalg_calls import gradient_agrees, leaf

from autograd_lite import Tensor
from autograd_lite.numpy_api import values_of


@st.composite
def contractions(draw):
    """Subscripts, in one of their forms, and operands that fit; lengths of 1 are stretched."""
    sizes = draw(st.fixed_dictionaries({label: st.integers(0, 3) for label in "aBcd"}))
    terms = draw(st.lists(st.text("aBcd", max_size=3), min_size=1, max_size=3))
    ellipses = [draw(st.booleans()) for _ in terms]
    batch = draw(st.lists(st.integers(1, 3), max_size=2))
    operands, written = [], []
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    for term, dotted in zip(terms, ellipses, strict=True):
        lengths = dict(sizes)
        if draw(st.booleans()):  # One label has the length 1 here.
            lengths |= dict.fromkeys(term[:1], 1)
        front = [draw(st.sampled_from([1, n])) for n in batch[draw(st.integers(0, len(batch))) :]]
        shape = (front if dotted else []) + [lengths[label] for label in term]
        operands.append(rng.normal(size=shape))
        written.append(("..." if dotted else "") + term)
    subscripts = ",".join(written)
    used = sorted({label for term in terms for label in term})
    if draw(st.booleans()):
        output = "".join(draw(st.permutations(draw(st.lists(st.sampled_from(used), unique=True))
                                              if used else [])))  # fmt: skip
        subscripts += "->" + ("..." if any(ellipses) else "") + output
    return subscripts, operands


@settings(derandomize=True, max_examples=300, deadline=None)
@given(contractions(), st.booleans())
def test_einsum_of_any_subscripts(drawn, optimize):
    subscripts, operands = drawn
    try:
        expected = np.einsum(subscripts, *operands, optimize=optimize)
    except ValueError:
        with pytest.raises(ValueError, match="einsum"):
            np.einsum(subscripts, *map(leaf, operands), optimize=optimize)
        return
    result = np.einsum(subscripts, *map(leaf, operands), optimize=optimize)
    assert result.shape == expected.shape
    gradient_agrees(lambda *x: np.einsum(subscripts, *x, optimize=optimize), operands)


@pytest.mark.parametrize("dtype", [float, np.float32, complex, int])
def test_einsum_of_many_terms_is_in_the_order_of_matrix_products(dtype):
    a, b, c = np.random.default_rng(0).integers(-4, 5, (3, 40, 12, 12)).astype(dtype)
    found = np.einsum("bij,bjk,bkl->bil", Tensor(a), b, c)
    np.testing.assert_array_equal(found.numpy(), a @ b @ c)  # Whole numbers are not rounded.
    assert found.dtype == dtype
    if dtype in (float, np.float32):
        t = leaf(b)
        np.einsum("bij,bjk,bkl->bil", a, t, c).sum().backward()
        expected = np.sum(a, 1)[:, :, None] * np.sum(c, 2)[:, None]
        np.testing.assert_array_equal(t.grad.numpy(), expected)


@settings(derandomize=True, max_examples=100, deadline=None)
@given(st.data())
def test_norm_of_any_order_along_any_axes(data):
    shape = data.draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))
    ndim = len(shape)
    x = np.random.default_rng(data.draw(st.integers(0, 99))).normal(size=shape)
    axes = [st.integers(-ndim, ndim - 1)]
    if ndim > 1:
        pairs = [(i, k) for i in range(-ndim, ndim) for k in range(-ndim, ndim) if (i - k) % ndim]
        axes.append(st.sampled_from(pairs))
    axis = data.draw(st.one_of(axes))
    orders = [None, 1, -1, 2, -2, np.inf, -np.inf]
    orders += ["fro", "nuc"] if isinstance(axis, tuple) else [3, 0.5, -2.5]
    order, keepdims = data.draw(st.sampled_from(orders)), data.draw(st.booleans())
    result = np.linalg.norm(leaf(x), order, axis, keepdims)
    np.testing.assert_allclose(result.numpy(), np.linalg.norm(x, order, axis, keepdims), rtol=1e-12)
    assert result.shape == np.linalg.norm(x, order, axis, keepdims).shape
    # Not so close to a kink that the difference steps over it.
    gradient_agrees(lambda x: np.linalg.norm(x, order, axis, keepdims), [x], 1e-5)


STACKS = st.lists(st.integers(0, 2), max_size=2)


@settings(derandomize=True, max_examples=100, deadline=None)
@given(STACKS, STACKS, st.integers(1, 3), st.integers(0, 2), st.integers(0, 99), st.booleans())
def test_stacks_of_systems_broadcast(stack, other, n, k, seed, fortran):
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(*stack, n, n)) + 4 * np.eye(n)
    b = rng.normal(size=(*other, n, k))
    if fortran:
        a, b = np.asfortranarray(a), np.asfortranarray(b)
    try:
        np.linalg.solve(a, b)
    except ValueError:
        with pytest.raises(ValueError, match="solve"):
            np.linalg.solve(leaf(a), leaf(b))
        return
    gradient_agrees(np.linalg.solve, [a, b])


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("stack", [(), (0,), (2,), (2, 1)], ids=str)
@pytest.mark.parametrize(
    "function",
    [
        np.linalg.inv,
        np.linalg.det,
        np.linalg.pinv,
        np.linalg.svdvals,
        np.linalg.eigvals,
        lambda a: np.linalg.slogdet(a)[1],
        lambda a: np.linalg.eigvalsh(a),
        lambda a: np.linalg.eigh(a)[1],
        lambda a: np.linalg.svd(a)[0],
        lambda a: np.linalg.qr(a)[1],
        lambda a: np.linalg.cholesky(a @ np.swapaxes(a, -1, -2)),
        lambda a: np.linalg.matrix_power(a, -2),
        lambda a: np.linalg.norm(a, "nuc", (-2, -1)),
        lambda a: np.linalg.trace(a, offset=1),
    ],
    ids=lambda f: getattr(f, "__name__", "f"),
)
def test_stacks_of_any_length(function, stack, n):
    rng = np.random.default_rng(n)
    a = 0.5 * rng.normal(size=(*stack, n, n)) + np.diag([2.0, -4.0, 6.0][:n])
    gradient_agrees(function, [a])
    gradient_agrees(function, [np.asfortranarray(a)])


SHAPES = [(), (1,), (3,), (0,), (1, 1), (2, 2), (3, 3), (0, 0), (0, 3), (3, 0), (2, 3), (3, 2),
          (2, 3, 3), (0, 2, 2), (2, 0, 0), (2, 2, 3), (2, 2, 2, 2)]  # fmt: skip
OF_ONE = """
np.linalg.inv(a)  np.linalg.det(a)  np.linalg.slogdet(a)  np.linalg.cholesky(a)  np.linalg.eigh(a)
np.linalg.eigvalsh(a)  np.linalg.eig(a)  np.linalg.eigvals(a)  np.linalg.svd(a)  np.linalg.qr(a)
np.linalg.svd(a, False)  np.linalg.svdvals(a)  np.linalg.svd(a, hermitian=True)
np.linalg.qr(a, "r")  np.linalg.qr(a, "complete")  np.linalg.pinv(a)  np.linalg.pinv(a, rtol=None)
np.linalg.matrix_power(a, 0)  np.linalg.matrix_power(a, 3)  np.linalg.matrix_power(a, -1)
np.linalg.tensorinv(a, 1)  np.linalg.tensorinv(a)  np.linalg.cond(a)  np.linalg.cond(a, 1)
np.linalg.trace(a)  np.linalg.diagonal(a)  np.linalg.matrix_transpose(a)  np.linalg.matrix_norm(a)
np.linalg.norm(a)  np.linalg.norm(a, 1)  np.linalg.norm(a, -2)  np.linalg.norm(a, "nuc")
np.linalg.norm(a, np.inf)  np.linalg.norm(a, -1)  np.linalg.norm(a, 2)  np.linalg.norm(a, 3)
np.linalg.vector_norm(a, ord=-np.inf)  np.linalg.matrix_norm(a, ord=-1)  np.trace(a)  np.poly(a)
np.linalg.matrix_norm(a, ord=np.inf)  np.vander(a)  np.polyder(a)  np.polyint(a)  np.roots(a)
"""
OF_TWO = """
np.dot(a, b)  np.vdot(a, b)  np.inner(a, b)  np.outer(a, b)  np.linalg.outer(a, b)
np.tensordot(a, b)  np.tensordot(a, b, 1)  np.tensordot(a, b, 0)  np.kron(a, b)
np.linalg.cross(a, b)  np.vecdot(a, b)  np.matvec(a, b)  np.vecmat(a, b)  np.linalg.vecdot(a, b)
np.linalg.matmul(a, b)  np.linalg.multi_dot([a, b])  np.linalg.solve(a, b)  np.linalg.lstsq(a, b)
np.linalg.tensorsolve(a, b)  np.convolve(a, b)  np.convolve(a, b, "same")  np.correlate(a, b)
np.correlate(a, b, "same")  np.polyval(a, b)  np.polyadd(a, b)  np.polymul(a, b)  np.polydiv(a, b)
np.einsum("...i,...i", a, b)  np.einsum("...ij,...jk", a, b)  np.einsum("ij,kj", a, b)
"""


def calls(text):
    return [call.strip() for call in text.replace("\n", "  ").split("  ") if call]


@pytest.mark.parametrize("text", calls(OF_ONE) + calls(OF_TWO))
@np.errstate(all="ignore")  # Integers are 0 here and there.
def test_shapes_of_all_kinds_give_what_numpy_gives_or_an_error(text):
    """Also the values of integers, whose type must become what NumPy makes of it."""
    rng = np.random.default_rng(0)
    code = compile(text, "call", "eval")
    for dtype in (float, int):
        for shape, other in itertools.product(SHAPES, SHAPES if text in calls(OF_TWO) else [()]):
            given = {"a": 3 * rng.normal(size=shape), "b": 3 * rng.normal(size=other)}
            given = {name: x.astype(dtype) for name, x in given.items()}
            lifted = {name: Tensor(x, dtype is float) for name, x in given.items()}
            try:
                wanted = eval(code, {"np": np, **given})
            except (TypeError, ValueError, IndexError):
                if shape or "tensorinv" not in text:  # Of a number, NumPy fails by accident.
                    with pytest.raises((TypeError, ValueError, IndexError)):
                        eval(code, {"np": np, **lifted})
                continue
            try:
                results = eval(code, {"np": np, **lifted})
            except (TypeError, ValueError):
                continue  # What may be refused is listed below.
            wanted, results = (x if isinstance(x, tuple) else (x,) for x in (wanted, results))
            for got, want in zip(results, wanted, strict=True):
                assert np.shape(got) == np.shape(want)
                assert np.result_type(got) == np.result_type(want)
                np.testing.assert_allclose(values_of(got), want, rtol=1e-9, atol=1e-9)
