"""What NumPy shares, copies and binds anew: views of it, numbers, and arguments written to."""

import numpy as np
import pytest

import autograd_lite as al
from autograd_lite import GradientError, Tensor


def leaf(value):
    return Tensor(value, requires_grad=True)


# ------------------------------------------------------------------ what NumPy shares, and copies

SHARED_OR_NOT = {
    "a[...]": lambda a: a[...],
    "a[:]": lambda a: a[:],
    "a[None]": lambda a: a[None],
    "a[:, None]": lambda a: a[:, None],
    "a[..., None]": lambda a: a[..., None],
    "a[1]": lambda a: a[1],
    "a[-1]": lambda a: a[-1],
    "a[None, :, 1]": lambda a: a[None, :, 1],
    "a[0, ...]": lambda a: a[0, ...],
    "a[0, 0, ...]": lambda a: a[0, 0, ...],
    "a[[1]]": lambda a: a[[1]],
    "a[a > 3]": lambda a: a[np.asarray(a > 3)],
    "list(a)[1]": lambda a: list(a)[1],
    "squeeze": np.squeeze,
    "squeeze of a longer one": lambda a: np.squeeze(a[:, None]),
    "a.squeeze()": lambda a: a.squeeze(),
    "reshape to the same": lambda a: a.reshape(a.shape),
    "reshape": lambda a: np.reshape(a, (-1,)),
    "reshape of the transpose": lambda a: a.T.reshape(-1),
    "reshape in columns": lambda a: np.reshape(a.T, -1, order="F"),
    "ravel": np.ravel,
    "ravel of a column": lambda a: np.ravel(a[:, 0]),
    "ravel backwards": lambda a: np.ravel(np.flip(a[0])),
    "ravel in columns": lambda a: np.ravel(a.T, order="F"),
    "a.ravel()": lambda a: a[:, 0].ravel(),
    "flatten": lambda a: a.flatten(),
    "a.T": lambda a: a.T,
    "matrix_transpose": np.matrix_transpose,
    "swapaxes": lambda a: np.swapaxes(a, 0, 1),
    "moveaxis to the same": lambda a: np.moveaxis(a, 0, 0),
    "rollaxis": lambda a: np.rollaxis(a, 1),
    "atleast_1d": np.atleast_1d,
    "atleast_3d": np.atleast_3d,
    "expand_dims": lambda a: np.expand_dims(a, 0),
    "flip": np.flip,
    "flipud": np.flipud,
    "rot90 by nothing": lambda a: np.rot90(a, 0),
    "rot90": np.rot90,
    "hsplit": lambda a: np.hsplit(a, 3)[1],
    "unstack": lambda a: np.unstack(a)[1],
    "real": np.real,
    "a.real": lambda a: a.real,
    "real_if_close": np.real_if_close,
    "conj": np.conj,
    "a.conj()": lambda a: a.conj(),
    "astype": lambda a: a.astype(float),
    "astype without copy": lambda a: a.astype(float, copy=False),
    "np.astype without copy": lambda a: np.astype(a, float, copy=False),
    "asarray": lambda a: np.asarray(a, like=a),
    "array": lambda a: np.array(a, like=a),
    "array without copy": lambda a: np.array(a, copy=None, like=a),
    "al.array": lambda a: al.array(a) if isinstance(a, Tensor) else np.array(a),
    "ascontiguousarray": lambda a: np.ascontiguousarray(a.T, like=a),
    "asfortranarray": lambda a: np.asfortranarray(a, like=a),
    "asfortranarray of the transpose": lambda a: np.asfortranarray(a.T, like=a),
    "copy": np.copy,
    "ravel of a copy of the transpose": lambda a: np.ravel(np.copy(a.T)),
    "+a": lambda a: +a,
    "take": lambda a: np.take(a, [1], 0),
    "tile": lambda a: np.tile(a, 1),
    "roll by nothing": lambda a: np.roll(a, 0),
    "concatenate of one": lambda a: np.concatenate([a]),
    "clip": lambda a: np.clip(a, -100, 1000),
    "where": lambda a: np.where(True, a, a),
    "sum over nothing": lambda a: np.sum(a, axis=()),
    "trim_zeros": lambda a: np.trim_zeros(a[1]),
    "meshgrid": lambda a: np.meshgrid(a[1], a[1])[0],
    "meshgrid without copy": lambda a: np.meshgrid(a[1], a[1], sparse=True, copy=False)[0],
    "einsum": lambda a: np.einsum("ij->ij", a),
    "diag": lambda a: np.diag(a[0]),
    "sort": np.sort,
    "stack of one": lambda a: np.stack([a]),
}
CHANGES = {
    "the whole": lambda a, v: a.__setitem__(1, [70.0, 80.0, 90.0]),
    "the whole, by +=": lambda a, v: a.__iadd__(100.0),
    "the part": lambda a, v: v.__setitem__(..., np.arange(v.size).reshape(v.shape) * 7.0),
    "the part, by +=": lambda a, v: v.__iadd__(100.0),
}


@pytest.mark.parametrize("recorded", [True, False])
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("make", SHARED_OR_NOT)
def test_what_numpy_shares_is_shared_and_what_it_copies_is_not(make, change, recorded):
    start = np.arange(9.0).reshape(3, 3)
    found = []
    for x in (start, Tensor(start, requires_grad=recorded)):
        a = x * 1.0
        part = SHARED_OR_NOT[make](a)
        try:
            CHANGES[change](a, part)
        except ValueError:  # NumPy's result is read-only.
            found.append("refused")
        else:
            found.append((np.array(a.tolist()), np.array(part.tolist())))
    numpys, ours = found
    if isinstance(numpys, str) or isinstance(ours, str):
        assert numpys is ours
    else:
        np.testing.assert_array_equal(ours[0], numpys[0])
        np.testing.assert_array_equal(ours[1], numpys[1])


# ------------------------------------------------------------------ numbers


def running_sums(x):
    s, parts = 0.0, []
    for v in x:
        s += v
        parts.append(s)
    return np.sum(np.stack(parts) * np.arange(1.0, 4.0))


def kept_from_before(x):
    y = x.sum()
    first = y
    y *= 3.0
    return y * y - first


def root(x):
    a = x[0]
    y = a * 1.0
    for _ in range(50):
        old = y
        y -= (y * y - a) / (2.0 * y)
        if abs(y - old) < 1e-12:
            break
    return y


def with_a_remainder(x):
    n = np.max(x)
    n //= 2.0
    s = x.sum()
    s %= 5.0
    s += x
    return np.sum(s * n)


@pytest.mark.parametrize("f", [running_sums, kept_from_before, root, with_a_remainder])
def test_a_number_is_bound_anew_as_in_numpy(f):
    x = np.array([2.0, 3.5, 4.25])
    value, gradient = al.value_and_grad(f)(x)
    h = 1e-6
    slopes = [(f(x + h * e) - f(x - h * e)) / (2 * h) for e in np.eye(3)]
    np.testing.assert_allclose(value, f(x), rtol=1e-14)
    np.testing.assert_allclose(gradient, slopes, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(f(Tensor(x)), f(x), rtol=1e-14)


def test_a_tensor_that_was_given_as_a_number_is_an_array():
    total = Tensor(0.0)
    same = total
    total += leaf([1.0, 2.0]).sum()
    assert same is total
    assert total.requires_grad
    p = leaf(1.0)
    same = p
    with al.no_grad():
        p -= 0.25
    assert same is p
    assert p.item() == 0.75


# ------------------------------------------------------------------ arguments that are written to


def writes(x):
    x[0] = x[1] * 3.0
    x += 1.0
    return np.sum(x * x)


def test_transforms_of_a_function_that_writes_to_what_it_is_given():
    start = np.array([1.0, 2.0, 3.0])
    expected = [0.0, 2 * 3 * 7.0 + 2 * 3.0, 2 * 4.0]
    np.testing.assert_allclose(al.grad(writes)(start), expected)
    np.testing.assert_array_equal(start, [1.0, 2.0, 3.0])
    outer = leaf(start)
    y = outer * 1.0
    np.testing.assert_allclose(al.grad(writes)(y).numpy(), expected)
    np.testing.assert_allclose(al.vjp(writes, y)[1](1.0)[0].numpy(), expected)
    np.testing.assert_allclose(al.jacobian(writes)(start), expected)
    np.testing.assert_allclose(al.hessian(writes)(start), [[0, 0, 0], [0, 20, 0], [0, 0, 2]])
    np.testing.assert_array_equal(y.numpy(), start)
    assert al.grad(lambda x: x.__iadd__(1.0) * x)(2.0) == 5.0  # A number: (x + 1) * x.
    with pytest.raises(GradientError, match="would detach it"):
        al.checkpoint(writes)(y)
    with pytest.raises(GradientError, match="writes to an array that it is given"):
        al.checkpoint(lambda x, y: np.sum(writes(y) * x))(outer, Tensor(start))
