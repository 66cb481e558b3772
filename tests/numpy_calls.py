"""Calls of NumPy's functions as a program would write them, with a Tensor where an array was.

Each is a line of code in terms of `np` and the inputs below. NumPy itself, on the bare arrays,
says what the value is, and its differences say what the gradient is.
"""

import numpy as np


def spread(shape, low, high, seed):
    """Numbers that all differ, by far more than a step, and are no neat fractions."""
    rng = np.random.default_rng(seed)
    size = int(np.prod(shape))
    unit = (rng.permutation(size) + rng.uniform(0.25, 0.75, size)) / max(size, 1)
    return (low + (high - low) * unit).reshape(shape)


INPUTS = {
    "s": spread((), -2, 2, 0),
    "v": spread((5,), -2, 2, 1),
    "u": spread((5,), -2, 2, 2),
    "m": spread((2, 3), -2, 2, 3),
    "k": spread((2, 3), -2, 2, 4),
    "a": spread((3, 3), -2, 2, 5),
    "t": spread((2, 3, 4), -2, 2, 6),
    "p": spread((2, 3), 0.2, 2, 7),  # Positive,
    "q": spread((2, 3), 0.1, 0.9, 8),  # between 0 and 1,
    "b": spread((2, 3), 1.2, 3, 9),  # above 1.
    "z": spread((1, 3, 1), -2, 2, 10),
    "n": np.where(spread((3, 4), 0, 1, 11) < 0.25, np.nan, spread((3, 4), -2, 2, 12)),
    "e": np.zeros((0, 3)),
}
"""Tensors by name. Everything else in a call is a bare array or number."""


def into(write, x):
    """A copy of an array that something is written into."""
    copy = x * 1.0
    write(copy)
    return copy


SCOPE = {
    "np": np,
    "M": np.array([[True, False, True], [False, True, True]]),
    "K": spread((2, 3), -2, 2, 13),
    "I": np.array([[2, 0], [1, 1]]),
    "sq": lambda x: x * x,
    "into": into,
    "rows": lambda x, *axis, **kw: np.sum(x * x, *axis, **kw),
}

CALLS = """
t[:, :2, :2].transpose(-1, 0, 1)  np.transpose(t, (1, -1, 0))  np.logaddexp.reduce(m, axis=None)
np.logaddexp.reduce(t, axis=None, keepdims=True)  m.sum(axis=0, where=M)  m.sum(0, np.float64)
m.sum(0, None, None, True)  m.sum(initial=2.0)  m.mean(axis=-1, where=M)  m.max(0, None, True)
m.max(initial=0.1)  m.min(axis=1, where=M, initial=9.0)  m.prod(-1, keepdims=True)
m.prod(where=M)  m.var(0, None, None, 1)  m.std(1, ddof=1, where=M)  m.std(keepdims=True)
m.reshape(3, 2, order="F")  m.flatten("F")  m.copy(order="F")  m.astype(float, copy=False)
np.histogram_bin_edges(v, 3)  np.histogram_bin_edges(t, bins="sqrt")  np.histogram(v, 4)
np.histogram(m, 3, density=True)  np.histogram(m, 2, (s - 3, 3))  np.histogram(m, np.sort(v))
m * m.nbytes  m * m.itemsize  m * m.size
np.absolute(m)  np.abs(m)  np.fabs(m)  np.add(m, k)  np.subtract(m, 1)  np.multiply(m, z[0, :, 0])
np.divide(m, b)  np.true_divide(1.0, b)  np.negative(m)  np.positive(m)  np.power(p, m)
np.pow(p, 2)  np.float_power(p, m)  np.square(m)  np.sqrt(p)  np.cbrt(m)  np.reciprocal(b)
np.exp(m)  np.exp2(m)  np.expm1(m)  np.log(p)  np.log2(p)  np.log10(p)  np.log1p(p)
np.logaddexp(m, k)  np.logaddexp2(m, k)  np.sin(m)  np.cos(m)  np.tan(q)  np.arcsin(q)  np.asin(q)
np.arccos(q)  np.acos(q)  np.arctan(m)  np.atan(m)  np.arctan2(m, k)  np.atan2(1.0, b)
np.hypot(m, k)  np.sinh(m)  np.cosh(m)  np.tanh(m)  np.arcsinh(m)  np.asinh(m)  np.arccosh(b)
np.acosh(b)  np.arctanh(q)  np.atanh(q)  np.deg2rad(m)  np.radians(m)  np.rad2deg(m)  np.degrees(m)
np.sinc(m)  np.sinc(m / 50)  np.i0(m)  np.maximum(m, k)  np.minimum(m, 0)  np.fmax(n, 0.5)
np.fmin(m, k)  np.copysign(m, k)  np.fmod(p, b)  np.remainder(m, b)  np.mod(p, 0.7)
np.divmod(p, b)  np.heaviside(np.array([0.0, 1.0, -1.0]), m[0])  np.ldexp(m, 3)
np.ldexp(m, np.array([1, 2, -3]))  np.frexp(m)  np.modf(m)  np.conj(m)  np.conjugate(m)  np.real(m)
np.real_if_close(m)  np.nan_to_num(n)  np.nan_to_num(n, nan=2.5)  np.unwrap(v * 4)
np.unwrap(t * 4, axis=1)  np.unwrap(v, period=1.5)  np.astype(m, np.float32)  np.clip(m, -0.5, 0.5)
np.clip(m, k - 1, 0.5)  np.clip(m, min=-1.0)  np.where(M, m, k)  np.where(m > 0, m, 0.0)
np.full_like(m, s)  np.dot(m, a)  np.matmul(m, a)  np.copy(m)  np.add(m, k, dtype=np.float64)
np.sum(t)  np.sum(t, axis=(0, -1))  np.sum(m, axis=1, keepdims=True)  np.sum(m, where=M)
np.sum(m, axis=0, initial=2.0)  np.sum(m, 0, None, None, True)  np.sum(m, dtype=np.float32)
np.sum(m, axis=1, where=M, initial=s)  np.sum(e, axis=0)  np.prod(m)  np.prod(t, axis=1)
np.prod(m, axis=0, where=M, initial=3.0)  np.prod(m, axis=(0, 1), keepdims=True)
np.mean(t, (0, 2))  np.mean(m, axis=1, where=M)  np.mean(m, dtype=np.float32)  np.var(t, axis=1)
np.var(m, ddof=1)  np.var(m, axis=1, where=M)  np.var(m, correction=1)
np.var(m, axis=0, mean=np.mean(m, 0, keepdims=True))  np.var(m, axis=1, ddof=1, keepdims=True)
np.std(m)  np.std(t, axis=(0, 1), ddof=1, keepdims=True)  np.std(m, where=M)  np.max(t, axis=1)
np.max(m, initial=0.3)  np.max(m, axis=1, where=M, initial=-3)  np.max(e, initial=2.0, axis=0) + s
np.amax(m, 0)  np.min(t, axis=(0, 2), keepdims=True)  np.amin(m)  np.min(m, axis=0, initial=s)
np.ptp(t, axis=1)  np.ptp(m)  np.ptp(m, axis=(0, 1), keepdims=True)  np.nansum(n)
np.nansum(n, axis=0)  np.nansum(n, axis=1, keepdims=True)  np.nanprod(n, axis=1)
np.nanmean(n, axis=0)  np.nanmean(n)  np.nanvar(n, axis=1)  np.nanvar(n, ddof=1)
np.nanstd(n, axis=0)  np.nanmax(n, axis=1)  np.nanmax(n)  np.nanmin(n, axis=0)
np.nanmin(n, axis=1, keepdims=True)  np.nanmedian(n)  np.nanmedian(n, axis=0)
np.nanpercentile(n, 30, axis=1)  np.nanquantile(n, [0.2, 0.7], axis=0)
np.nanquantile(n, 0.4, axis=(0, 1), keepdims=True)  np.median(v)  np.median(t, axis=1)
np.median(m, axis=(0, 1), keepdims=True)  np.median(n, axis=0)  np.percentile(v, 35)
np.percentile(t, [10, 60], axis=-1)  np.quantile(m, 0.3)  np.quantile(v, [[0, 1]])
np.quantile(t, 0.65, axis=(0, 2), keepdims=True)  np.quantile(v, 0.4, method="lower")
np.quantile(v, 0.4, method="midpoint")  np.quantile(m, 0.4, axis=1, method="hazen")
np.percentile(v, 35, method="median_unbiased")  np.quantile(v, 0.33, method="inverted_cdf")
np.average(m)  np.average(m, axis=1, weights=p[0])  np.average(m, weights=p)
np.average(t, axis=1, weights=np.array([0.2, 0.5, 0.9]))
np.average(m, axis=0, weights=p, returned=True)
np.average(t, axis=(0, 1), weights=p, keepdims=True)  np.average(t, axis=(1, 0), weights=p.T)
np.cumsum(m)  np.cumsum(t, axis=1)  np.cumsum(m, axis=-1, dtype=np.float32)  np.cumprod(m)
np.cumprod(t, axis=0)  np.cumprod(m * M, axis=1)  np.nancumsum(n, axis=1)  np.nancumprod(n)
np.cumulative_sum(v)  np.cumulative_sum(m, axis=1, include_initial=True)  np.cumulative_prod(v)
np.cumulative_prod(m, axis=0, include_initial=True)  np.cov(m)  np.cov(m, k)
np.cov(m, rowvar=False)  np.cov(v, u, bias=True)  np.cov(m, ddof=0)  np.cov(v)  np.corrcoef(t[0])
np.corrcoef(v, u)  np.corrcoef(t[0], rowvar=False)  np.diff(v)  np.diff(t, axis=1)  np.diff(v, n=2)
np.diff(v, n=0)  np.diff(m, prepend=0.5)  np.diff(m, axis=0, append=m[:1])  np.ediff1d(v)
np.ediff1d(m, to_end=s)  np.ediff1d(v, to_begin=[1.0, 2.0])  np.trapezoid(v)
np.trapezoid(m, dx=0.5)  np.trapezoid(m, axis=0)
np.trapezoid(t, np.array([0.0, 1.0, 3.0]), axis=1)  np.trapezoid(v, u)  np.trapezoid(m, k)
np.gradient(v)  np.gradient(v, 0.5)  np.gradient(m)  np.gradient(t, axis=1)
np.gradient(v, edge_order=2)  np.gradient(v, np.array([0.0, 1.0, 1.5, 3.0, 4.0]))
np.gradient(t, 0.5, 2.0, axis=(1, 2))  np.gradient(v, s)  np.gradient(t, v[:3], s, axis=(1, 2))
np.gradient(v, u, edge_order=2)  np.gradient(v[:3], np.uint8([4, 2, 1]))
np.gradient(v, np.array([0.0, 1.0, 1.5, 3.0, 4.0]), edge_order=2)  np.gradient(v[:2])
np.reshape(t, (6, 4))  np.reshape(t, (4, -1), order="F")  np.reshape(m, -1)  np.ravel(t)
np.ravel(t, order="F")  np.transpose(t, (1, 2, 0))  np.permute_dims(t, (2, 0, 1))
np.matrix_transpose(t)  np.swapaxes(t, 0, -1)  np.moveaxis(t, [0, -1], [2, 0])  np.rollaxis(t, 2)
np.rollaxis(t, 0, 3)  np.rollaxis(t, 1, -1)  np.roll(v, 2)  np.roll(t, (1, -2), axis=(0, 2))
np.flip(t)  np.flip(t, (0, 2))  np.fliplr(m)  np.flipud(m)  np.rot90(m)
np.rot90(t, 3, axes=(1, 2))  np.tile(m, 2)  np.tile(v, (2, 1, 2))  np.repeat(m, 2)
np.repeat(m, [1, 0, 2], axis=1)  np.pad(v, 2)  np.pad(m, ((1, 0), (2, 1)), constant_values=3.0)
np.pad(m, 1, mode="edge")  np.pad(v, (2, 1), "reflect")  np.pad(v, 3, mode="symmetric")
np.pad(v, 2, mode="wrap")  np.broadcast_to(z, (2, 3, 4))  np.broadcast_arrays(z, m[0], 2.0)
np.expand_dims(m, (0, -1))  np.squeeze(z)  np.squeeze(z, axis=0)  np.atleast_1d(s)
np.atleast_1d(s, m)  np.atleast_2d(v)  np.atleast_3d(v)  np.atleast_3d(m, s, t)
np.resize(v, (2, 4))  np.append(m, k)  np.append(m, k, axis=1)  np.concatenate([m, k])
np.concat([m, k], axis=1)  np.concatenate([m, K, v], axis=None)
np.concatenate((m, k), dtype=np.float32)  np.stack([m, k, K], axis=-1)  np.vstack([v, u])
np.vstack([m, v[:3]])  np.hstack([v, u[:2]])  np.hstack((m, k))  np.hstack([s, v])
np.dstack([m, k])  np.dstack([v, u])  np.column_stack([v, u])  np.column_stack((m, k, m[:, 0]))
np.block([[m, k], [K, m]])  np.block([v, u, s])  np.block([[s, m[:1]], [np.ones((2, 1)), k]])
np.split(v, [2, 3])  np.split(t, 2, axis=-1)  np.array_split(v, 3)  np.hsplit(m, 3)
np.hsplit(v, [1, 4])  np.vsplit(m, 2)  np.dsplit(t, 2)  np.unstack(m)  np.unstack(t, axis=1)
np.meshgrid(v[:3], u)  np.meshgrid(v[:2], u, s, indexing="ij")  np.meshgrid(v, u, sparse=True)
np.take(v, [3, 0, 3])  np.take(t, I, axis=1)  np.take(m, 4)  np.take(v, [7, -2], mode="wrap")
np.take_along_axis(m, I, axis=1)  np.take_along_axis(m, np.argsort(m, axis=0), 0)
np.choose(I, [m[:, :2], k[:, :2], 2.0])  np.choose([1, 0, 1], np.stack([m[0], m[1]]))
np.choose(I + 2, [m[:, :2], 1.0], mode="clip")  np.select([m > 1, m < -1], [m, k], 0.5)
np.select([M, m > 0], [k, sq(m)], default=s)  np.compress([True, False, True], t, axis=1)
np.compress([0, 1, 1, 0], m)  np.extract(m > 0, m)  np.extract(M, k)  np.diag(v)  np.diag(m)
np.diag(v, -2)  np.diag(a, 1)  np.diagonal(t, 1, 1, 2)  np.diagonal(a)  np.linalg.diagonal(t)
np.linalg.diagonal(t, offset=1)  np.linalg.matrix_transpose(t)  np.diagflat(m)  np.diagflat(v, 1)
np.tril(a)  np.tril(t, 1)  np.triu(a, -1)  np.triu(t)  np.sort(v)  np.sort(t, axis=0)
np.sort(m, axis=None)  np.sort(m, kind="stable")  np.partition(v, 2)
np.partition(t, (0, 2), axis=1)  np.insert(v, 2, s)  np.insert(m, [0, 2], k[:, :2], axis=1)
np.insert(m, 1, 5.0)  np.insert(v, [1, 3], [7, 8])  np.insert(m, 1, v[:3], axis=0)  np.delete(v, 1)
np.delete(t, [0, -1], axis=1)  np.delete(m, slice(0, 3, 2), axis=1)
np.trim_zeros(v * [0, 1, 0, 1, 0])  np.trim_zeros(v * [0, 1, 0, 1, 0], "f")
np.piecewise(v, [v < 0, v > 1], [sq, lambda x: -x, 0.5])
np.piecewise(m, [m < 0, m >= 0], [lambda x: -x, sq])  np.piecewise(s, s > 5, [sq, lambda x: 2 * x])
np.unique(v)  np.unique(np.concatenate([v, v]), return_counts=True)
np.unique(m, return_index=True)  np.unique(m, axis=0)  np.unique_values(v)  np.union1d(v, u)
np.intersect1d(v, np.concatenate([v[:2], u]))  np.intersect1d(v, v[1:3], return_indices=True)
np.setdiff1d(v, v[1:3])  np.setxor1d(v, np.append(u, v[:2]))
np.bincount([0, 2, 2, 1, 0], weights=v)  np.bincount([0, 2], v[:2], minlength=5)
np.apply_along_axis(sq, 1, t)  np.apply_along_axis(rows, 0, t)  np.apply_along_axis(np.diag, -1, m)
np.apply_over_axes(np.sum, t, [0, 2])  np.apply_over_axes(rows, t, 1)  np.linspace(s, 3.0, 5)
np.linspace(v, u, 4)  np.linspace(v, u, 4, axis=-1)  np.linspace(0, s, 4, endpoint=False)
np.linspace(s, 3.0, 5, retstep=True)  np.logspace(s, 1.0, 4)
np.logspace(v, u, 3, base=2.0, axis=1)  np.geomspace(p[0, 0], 8.0, 4)  np.geomspace(p, b, 3)
np.geomspace(p, b, 3, axis=1, endpoint=False)  np.add.reduce(t)  np.add.reduce(t, axis=None)
np.multiply.reduce(t, axis=(0, 2), keepdims=True)  np.maximum.reduce(t, 1)  np.minimum.reduce(m)
np.add.reduce(m, where=M, axis=1)  np.subtract.reduce(t)  np.logaddexp.reduce(t, axis=(0, 1))
np.logaddexp.reduce(v)  np.hypot.reduce(m, axis=1)  np.divide.reduce(b, axis=1)
np.fmax.reduce(m, keepdims=True)  np.add.accumulate(m)  np.multiply.accumulate(m, axis=1)
np.maximum.accumulate(v)  np.subtract.accumulate(t, axis=1)  np.logaddexp.accumulate(v)
np.add.outer(v, m)  np.multiply.outer(s, v)  np.subtract.outer(K, v)  np.maximum.outer(v, u)
np.add.reduceat(v, [0, 3, 1])  np.add.reduceat(v, [])  np.add.reduceat(t, [1, 2], axis=1)
np.multiply.reduceat(t, [0, 1], axis=1)  np.add.reduceat(s * np.ones(4000, np.float16), [0, 9])
np.fft.fft(m)  np.fft.fft(v, 3, norm="ortho")  np.fft.ifft(m, axis=0)  np.fft.ifft(v, 7)
np.fft.rfft(v)  np.fft.rfft(m, 4, 0)  np.fft.irfft(m, 5)  np.fft.irfft(m * 1j)  np.fft.hfft(m)
np.fft.ihfft(v, 4)  np.fft.fft2(t)  np.fft.ifft2(m, (3, 2))  np.fft.rfft2(t, norm="forward")
np.fft.irfft2(m)  np.fft.fftn(t, axes=(0, 2))  np.fft.ifftn(t, norm="forward")  np.fft.rfftn(t)
np.fft.irfftn(t, (2, 4), (0, 2))  np.fft.fftshift(v)  np.fft.fftshift(t, (0, 2))
np.fft.ifftshift(m, 1)  np.imag(m * 1j) * 1.0  np.angle(m + 1j)  np.angle(m + 1j, deg=True)
into(lambda o: np.copyto(o, k), m)  into(lambda o: np.copyto(o, k[0], where=M), m)
into(lambda o: np.put(o, [0, 4], v[:2]), m)  into(lambda o: np.place(o, M, v[:2]), m)
into(lambda o: np.putmask(o, M, k), m)  into(lambda o: np.put_along_axis(o, I, k[:, :2], 1), m)
into(lambda o: np.fill_diagonal(o, v[:3]), a)  into(lambda o: np.add.at(o, [0, 0, 3], u[:3]), v)
into(lambda o: np.multiply.at(o, [0, 0, 3], u[:3]), v)  into(lambda o: np.exp(k, out=o), m)
into(lambda o: np.log(k, out=o, where=K * 0 + k > 0), m)  into(lambda o: np.sum(t, 2, out=o), m)
np.pad(m, 1, "mean")  np.pad(m, (1, 2), "maximum", stat_length=2)  np.pad(m, 1, "linear_ramp")
np.pad(m, 1, "minimum")  np.pad(v, 2, "median")  np.pad(m, 1, "reflect", reflect_type="odd")
np.pad(m, (1, 2), "symmetric", reflect_type="odd")  np.cov(m, aweights=p[0])
np.pad(m[:, :0], ((1, 0), (0, 0)), "maximum")
np.cov(m, fweights=[1, 3, 2], aweights=p[0])  np.cov(m, fweights=[1, 3, 2], ddof=0)
np.histogram([4, 1, 0, 9, 2], 3, None, None, v)  np.histogram([4, 1, 0, 9, 2], [1, 2, 4], weights=v)
np.amax(m, initial=0.5)  np.amin(m, axis=1, initial=0.5, where=M)  np.vecdot(m, k, axis=0)
np.quantile(v, 0.3, weights=[1, 2, 1, 2, 1], method="inverted_cdf")
np.lib.stride_tricks.sliding_window_view(t, (2, 2), (1, 2))
"""


def calls():
    """Each call as its text."""
    found, depth, start = [], 0, 0
    text = CALLS.strip().replace("\n", "  ")
    for i, character in enumerate(text):
        depth += (character in "([{") - (character in ")]}")
        if depth == 0 and text.startswith("  ", i):
            found.append(text[start:i].strip())
            start = i
    found.append(text[start:].strip())
    return [call for call in found if call]
