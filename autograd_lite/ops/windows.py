"""A window that slides over pictures and sequences: convolution, and the largest or the sum in it.

An operand has the shape (batch, channels, ...), with one axis or more to slide along. All static
parameters but `groups` have an entry for each of these axes; `padding` has two, before and after.
"""

import functools
from collections.abc import Iterator
from typing import Any

import numpy as np

from autograd_lite.core.notation import PRODUCT, Form, call
from autograd_lite.core.primitive import example, primitive
from autograd_lite.ops.indexing import scatter_add

USUAL = {"size": None, "stride": 1, "padding": 0, "dilation": 1, "groups": 1}


def padded(x: Any, padding: Any, filling: float = 0.0) -> Any:
    """Put a border around the axes from the third on."""
    if not any(map(any, padding)):
        return x
    lengths = [n + sum(ends) for n, ends in zip(x.shape[2:], padding, strict=True)]
    wide = np.full((*x.shape[:2], *lengths), filling, x.dtype)
    inside(wide, x.shape[2:], padding)[...] = x
    return wide


def inside(wide: Any, size: Any, padding: Any) -> Any:
    """View what a border is around."""
    return wide[(..., *(slice(a, a + n) for n, (a, _) in zip(size, padding, strict=True)))]


def windows(x: Any, size: Any, stride: Any, dilation: Any) -> Any:
    """View every window: batch, channels, the axes in a window, the axes of places of windows."""
    reach = [d * (n - 1) + 1 for n, d in zip(size, dilation, strict=True)]
    axes = tuple(range(2, x.ndim))
    view = np.lib.stride_tricks.sliding_window_view(x, reach, axes, writeable=True)
    view = view[(slice(None),) * 2 + tuple(slice(None, None, n) for n in (*stride, *dilation))]
    return np.moveaxis(view, range(2, x.ndim), range(-len(axes), 0))


def blocks(view: Any) -> list[slice]:
    """Cut a batch into parts whose windows, written out, fit into a processor's cache."""
    step = max(1, 2**18 // max(1, view[:1].size))
    return [slice(start, start + step) for start in range(0, len(view), step)]


def rows_of(w: Any, groups: int) -> Any:
    """Write the weights of a convolution as a matrix for each group."""
    return w.reshape(groups, len(w) // groups, int(np.prod(w.shape[1:])))


def _convolved(x: str, w: str) -> str:
    return (
        f"jax.lax.conv_general_dilated({x}, {w}, {{stride}}, {{padding}}, "
        "rhs_dilation={dilation}, feature_group_count={groups})"
    )


def _reduced(x: str, start: str, function: str) -> str:
    return (
        f"jax.lax.reduce_window({x}, {start}, jax.lax.{function}, (1, 1, *{{size}}), "
        f"(1, 1, *{{stride}}), ((0, 0), (0, 0), *{{padding}}))"
    )


def _transposed(function: str, shape: str, dtype: str) -> str:
    """Write the adjoint of a linear function of `t`, of such a shape, at `c`."""
    zeros = f"jnp.zeros({shape}, jnp.result_type({dtype}))"
    return f"jax.linear_transpose(lambda t: {function}, {zeros})({{c}})[0]"


_LARGEST = ("-jnp.inf", "max")
"""The parts of JAX's form of `max_pool`."""


_SLIDING = (
    example((2, 1, 5), (2, 1, 3), stride=(1,), padding=((0, 0),), dilation=(1,), groups=1),
    example((1, 4, 5), (4, 2, 2), stride=(2,), padding=((1, 0),), dilation=(2,), groups=2),
    example((1, 2, 3), (2, 1, 1), stride=(1,), padding=((1, 1),), dilation=(1,), groups=2),
    example(
        (1, 2, 3, 4),
        (2, 2, 2, 3),
        stride=(1, 2),
        padding=((1, 1), (0, 1)),
        dilation=(1, 1),
        groups=1,
    ),
)


def _places(x: Any, w: Any, given: Any) -> tuple[int, ...]:
    """Return the shape of a result."""
    view = windows(padded(np.zeros(x), given["padding"]), w[2:], given["stride"], given["dilation"])
    return (x[0], w[0], *view.shape[len(w) :])


@primitive(
    x=lambda g, y, x, w, **how: conv_input(g, w, size=x.shape[2:], **how),
    w=lambda g, y, x, w, **how: conv_weight(g, x, size=w.shape[2:], **how),
    notation=call("conv", Form(r"{x} \ast {w:tight}", PRODUCT), usual=USUAL),
    whole=True,
    jax=_convolved("{x}", "{w}"),
    analytic=True,
    linear=("x", "w"),
    sentence="each entry of {y} is a sum of products with a window of {x}, and so are gradients.",
    examples=_SLIDING,
)
def conv(x: Any, w: Any, *, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    r"""Multiply every window of `x` with `w`, and add up.

    .. math:: y_{nfp} = \sum_{ck} w_{fck} \, x_{n, c, s p + d k - a}

    for the picture n, the filter f, the place p and the place k in the window; with the stride s,
    the dilation d, and a zeros in front. With groups, a filter sees the channels of its own.
    The windows are written out as columns, for a product of matrices.
    """
    view = windows(padded(x, padding), w.shape[2:], stride, dilation)
    places, rows = view.shape[w.ndim :], rows_of(w, groups)
    y = np.empty((len(x), *rows.shape[:2], int(np.prod(places))), np.result_type(x, w))
    for part in blocks(view):
        columns = view[part].reshape(-1, groups, rows.shape[2], y.shape[3])
        np.matmul(rows, columns, out=y[part])
    return y.reshape(len(x), len(w), *places)


@primitive(
    c=lambda g, y, c, w, size, **how: conv(g, w, **how),
    w=lambda g, y, c, w, size, **how: conv_weight(c, g, size=w.shape[2:], **how),
    notation=call("conv_input", usual=USUAL),
    whole=True,
    jax=_transposed(
        _convolved("t", "{w}"), "({c}.shape[0], {w}.shape[1] * {groups}, *{size})", "{c}, {w}"
    ),
    analytic=True,
    linear=("c", "w"),
    examples=tuple(
        example(_places(x, w, given), w, size=x[2:], **given) for (x, w), given in _SLIDING
    ),
)
def conv_input(
    c: Any, w: Any, *, size: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> Any:
    """Send what arrives at the places back into their windows: the adjoint of `conv` by `x`."""
    lengths = [n + sum(ends) for n, ends in zip(size, padding, strict=True)]
    wide = np.zeros((len(c), w.shape[1] * groups, *lengths), np.result_type(c, w))
    view = windows(wide, w.shape[2:], stride, dilation)
    rows = rows_of(w, groups)
    columns = c.reshape(len(c), *rows.shape[:2], int(np.prod(c.shape[2:])))
    # A `matmul` of a column and a row takes half as long again, with all around it.
    product = np.multiply if rows.shape[1] == 1 else np.matmul
    for part in blocks(view):
        sent, into = product(rows.swapaxes(1, 2), columns[part]), view[part]
        sent = sent.reshape(into.shape)
        for k in np.ndindex(*w.shape[2:]):
            into[:, :, *k] += sent[:, :, *k]
    return inside(wide, size, padding)


@primitive(
    c=lambda g, y, c, x, size, **how: conv(x, g, **how),
    x=lambda g, y, c, x, size, **how: conv_input(c, g, size=x.shape[2:], **how),
    notation=call("conv_weight", usual=USUAL),
    whole=True,
    jax=_transposed(
        _convolved("{x}", "t"), "({c}.shape[1], {x}.shape[1] // {groups}, *{size})", "{c}, {x}"
    ),
    analytic=True,
    linear=("c", "x"),
    examples=tuple(
        example(_places(x, w, given), x, size=w[2:], **given) for (x, w), given in _SLIDING
    ),
)
def conv_weight(
    c: Any, x: Any, *, size: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> Any:
    """Multiply what arrives at the places with their windows: the adjoint of `conv` by `w`."""
    view = windows(padded(x, padding), size, stride, dilation)
    rows = c.reshape(len(c), groups, c.shape[1] // groups, int(np.prod(c.shape[2:])))
    shape = (groups, rows.shape[2], x.shape[1] // groups * int(np.prod(size)))
    w = np.zeros(shape, np.result_type(c, x))
    for part in blocks(view):
        columns = view[part].reshape(-1, groups, shape[2], rows.shape[3])
        w += np.matmul(rows[part], columns.swapaxes(2, 3)).sum(axis=0)
    return w.reshape(c.shape[1], x.shape[1] // groups, *size)


_UNIT = {"dilation": (1,)}
_POOLED = (
    example((2, 1, 5), size=(2,), stride=(2,), padding=((0, 0),), **_UNIT),
    example((1, 2, 5), size=(3,), stride=(1,), padding=((1, 1),), **_UNIT),
    example((1, 2, 6), size=(2,), stride=(2,), padding=((1, 0),), dilation=(2,)),
    example((2, 1, 3, 4), size=(2, 3), stride=(1, 2), padding=((1, 1), (0, 1)), dilation=(1, 1)),
)


def _entries(x: Any, filling: float, how: Any) -> Iterator[tuple[Any, Any]]:
    """Yield, for each place in a window, an index of what a border is around, and what is there."""
    wide = np.pad(x, ((0, 0), (0, 0), *how["padding"]), constant_values=filling)
    size, stride, dilation = how["size"], how["stride"], how["dilation"]
    axes = list(zip(wide.shape[2:], size, stride, dilation, strict=True))
    ends = [(length - d * (n - 1) - 1) // step * step + 1 for length, n, step, d in axes]
    for k in np.ndindex(*size):
        starts = [i * d for i, d in zip(k, dilation, strict=True)]
        parts = zip(starts, ends, stride, strict=True)
        at = (slice(None), slice(None), *(slice(a, a + end, step) for a, end, step in parts))
        yield at, wide[at]


def _top(x: Any, **how: Any) -> Any:
    return functools.reduce(np.maximum, (row for _, row in _entries(x, -np.inf, how)))


def _first(x: Any, how: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the index of each place in a window, and in which windows it is the first largest."""
    top, before = _top(x, **how), None
    for at, row in _entries(x, -np.inf, how):
        here = (row == top) | np.isnan(row)  # NaN is the largest, and not equal to itself.
        here = here if before is None else here & ~before
        before = here if before is None else before | here
        yield at, here.astype(x.dtype)


def _sent(c: Any, x: Any, **how: Any) -> Any:
    size, padding = x.shape[2:], how["padding"]
    lengths = [n + sum(ends) for n, ends in zip(size, padding, strict=True)]
    shape = (*x.shape[:2], *lengths)
    parts = (scatter_add(c * here, index=at, shape=shape) for at, here in _first(x, how))
    return inside(functools.reduce(np.add, parts), size, padding)


def _picked(c: Any, x: Any, **how: Any) -> Any:
    rows = zip(_entries(c, 0.0, how), _first(x, how), strict=True)
    return functools.reduce(np.add, (row * here for (_, row), (_, here) in rows))


def _undilated(form: str) -> Any:
    """Return a form for JAX, which does not differentiate with a dilation."""
    return lambda *, dilation, **_: form if all(d == 1 for d in dilation) else ""


@primitive(
    x=lambda g, y, x, **how: max_pool_adjoint(g, x, **how),
    notation=call("max_pool", usual=USUAL),
    whole=True,
    formula=_top,
    jax=_undilated(_reduced("{x}", *_LARGEST)),
    sentence="{y} has the largest entry of every window of {x}: it alone gets the gradient.",
    examples=_POOLED,
)
def max_pool(x: Any, *, size: Any, stride: Any, padding: Any, dilation: Any) -> Any:
    """Take the largest entry of every window; of several, the first gets the gradient."""
    view = windows(padded(x, padding, -np.inf), size, stride, dilation)
    return top_of(view, size)


def top_of(view: Any, size: Any) -> Any:
    """Take the largest entry of every window of a view."""
    first, *others = np.ndindex(*size)
    y = view[:, :, *first].copy()
    for k in others:
        np.maximum(y, view[:, :, *k], out=y)
    return y


def largest(x: Any, size: Any, stride: Any, padding: Any, dilation: Any) -> Any:
    """Yield each place k in a window, what stands there, and where that is the first largest."""
    view = windows(padded(x, padding, -np.inf), size, stride, dilation)
    top = top_of(view, size)
    left = np.ones(top.shape, bool)
    for k in np.ndindex(*size):
        here = view[:, :, *k] == top
        here &= left
        left ^= here
        yield k, here
    if left.any():  # The largest is NaN, which is not equal to itself.
        for k in np.ndindex(*size):
            here = np.isnan(view[:, :, *k]) & left
            left ^= here
            yield k, here


@primitive(
    c=lambda g, y, c, x, **how: max_pool_pick(g, x, **how),
    x=None,  # It changes in steps.
    notation=call("max_pool_adjoint", usual=USUAL),
    whole=True,
    formula=_sent,
    jax=_undilated("jax.vjp(lambda t: " + _reduced("t", *_LARGEST) + ", {x})[1]({c})[0]"),
    linear=("c",),
    examples=tuple(
        example(_places(x, (x[1], 1, *given["size"]), given), x, **given) for (x,), given in _POOLED
    ),
)
def max_pool_adjoint(c: Any, x: Any, *, size: Any, stride: Any, padding: Any, dilation: Any) -> Any:
    """Send what arrives at the places to the first largest entry of each window."""
    lengths = [n + sum(ends) for n, ends in zip(x.shape[2:], padding, strict=True)]
    wide = np.zeros((*x.shape[:2], *lengths), c.dtype)
    into = windows(wide, size, stride, dilation)
    for part in blocks(into):
        for k, here in largest(x[part], size, stride, padding, dilation):
            into[part][:, :, *k] += c[part] * here
    return inside(wide, x.shape[2:], padding)


@primitive(
    c=lambda g, y, c, x, **how: max_pool_adjoint(g, x, **how),
    x=None,
    notation=call("max_pool_pick", usual=USUAL),
    whole=True,
    formula=_picked,
    jax=_undilated("jax.jvp(lambda t: " + _reduced("t", *_LARGEST) + ", ({x},), ({c},))[1]"),
    linear=("c",),
    examples=tuple(example(*x, *x, **given) for x, given in _POOLED),
)
def max_pool_pick(c: Any, x: Any, *, size: Any, stride: Any, padding: Any, dilation: Any) -> Any:
    """Pick an entry of `c` for every window: the one where `x` is the first largest."""
    view = windows(padded(c, padding), size, stride, dilation)
    return sum(view[:, :, *k] * here for k, here in largest(x, size, stride, padding, dilation))


@primitive(
    x=lambda g, y, x, **how: sum_pool_adjoint(g, length=x.shape[2:], **how),
    notation=call("sum_pool", usual=USUAL),
    whole=True,
    jax=_reduced("{x}", "0.0", "add"),
    analytic=True,
    linear=("x",),
    sentence="{y} adds up every window of {x}, all of which gets its gradient.",
    examples=tuple(
        example(*shapes, **{name: given[name] for name in ("size", "stride", "padding")})
        for shapes, given in (*_POOLED[:2], _POOLED[3])
    ),
)
def sum_pool(x: Any, *, size: Any, stride: Any, padding: Any) -> Any:
    """Add up the entries of every window."""
    view = windows(padded(x, padding), size, stride, [1] * len(size))
    first, *others = np.ndindex(*size)
    y = view[:, :, *first].copy()
    for k in others:
        y += view[:, :, *k]
    return y


@primitive(
    c=lambda g, y, c, length, **how: sum_pool(g, **how),
    notation=call("sum_pool_adjoint", usual=USUAL),
    whole=True,
    jax=_transposed(_reduced("t", "0.0", "add"), "(*{c}.shape[:2], *{length})", "{c}"),
    analytic=True,
    linear=("c",),
    examples=(
        example((1, 2, 3), length=(5,), size=(3,), stride=(2,), padding=((1, 1),)),
        example((2, 1, 3), length=(3,), size=(2,), stride=(1,), padding=((0, 1),)),
    ),
)
def sum_pool_adjoint(c: Any, *, length: Any, size: Any, stride: Any, padding: Any) -> Any:
    """Send what arrives at the places to all entries of their windows."""
    lengths = [n + sum(ends) for n, ends in zip(length, padding, strict=True)]
    wide = np.zeros((*c.shape[:2], *lengths), c.dtype)
    into = windows(wide, size, stride, [1] * len(size))
    for k in np.ndindex(*size):
        into[:, :, *k] += c
    return inside(wide, length, padding)
