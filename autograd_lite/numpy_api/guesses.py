"""Names that users of other libraries try on a Tensor, and what to write instead.

They are missing as any other name is: ``hasattr`` says so, and ``dir`` does not list them.
"""

from typing import Any

import numpy as np

_OPERATORS = (
    "add +", "sub -", "mul *", "div /", "mm @", "matmul @", "bmm @", "mv @", "pow **",
    "eq ==", "ne !=", "gt >", "lt <", "ge >=", "le <=",
)  # fmt: skip

INSTEAD = {
    **{
        name: f"Write np.{name}(t{', u' * (found.nin - 1)})"
        for name, found in vars(np).items()
        if isinstance(found, np.ufunc) and not hasattr(np.ndarray, name)
    },
    **{
        name: f"Write {where}.{name}(t, ...)"
        for where, functions in (("np.linalg", np.linalg), ("np", np))
        for name, found in vars(functions).items()
        if type(found) is type(np.sum) and not hasattr(np.ndarray, name)
    },
    "sort": "Write np.sort(t), or t[...] = np.sort(t)",
    "fill": "Write t[...] = x",
    "put": "Write np.put(t, positions, values)",
    **dict.fromkeys(
        ("to", "cuda", "cpu"),
        "Arrays are on the CPU, so leave it out; another dtype is t.astype(np.float32)",
    ),
    "float": "Write t.astype(np.float32)",
    "double": "Write t.astype(float)",
    "half": "Write t.astype(np.float16)",
    "long": "Write t.astype(int)",
    "int": "Write t.astype(int)",
    "bool": "Write t.astype(bool)",
    **dict.fromkeys(("numel", "nelement"), "Write t.size"),
    **dict.fromkeys(("dim", "ndimension"), "Write t.ndim"),
    "clone": "Write t.copy()",
    "flat": "Write t.reshape(-1) to read, and np.put(t, positions, values) to write",
    **dict.fromkeys(
        ("strides", "stride"), "For windows, write np.lib.stride_tricks.sliding_window_view(t, n)"
    ),
    **{
        name: f"Write t {sign}= u inside al.no_grad(), or for a result t = t {sign} u"
        for name, sign in (("add_", "+"), ("mul_", "*"), ("div_", "/"))
    },
    "copy_": "Write t[...] = u, for a parameter inside al.no_grad()",
    "tobytes": "Write t.numpy().tobytes()",
    "backwards": "Write t.backward()",
    "view": "Write t.reshape(...); for a frame of pandas, frame.to_numpy() * t, and so on",
    "permute": "Write t.transpose(...)",
    "t": "Write t.T",
    "unsqueeze": "Write np.expand_dims(t, axis)",
    "expand": "Write np.broadcast_to(t, shape)",
    "expand_as": "Write np.broadcast_to(t, u.shape)",
    **dict.fromkeys(("view_as", "reshape_as"), "Write t.reshape(u.shape)"),
    "repeat_interleave": "Write np.repeat(t, n, axis)",
    "unbind": "Write tuple(t), or np.unstack(t, axis=axis)",
    "masked_select": "Write t[mask]",
    "rsqrt": "Write 1 / np.sqrt(t)",
    **dict.fromkeys(("H", "mH"), "Write t.mT.conj()"),
    "masked_fill": "Write np.where(mask, value, t)",
    "gather": "Write np.take_along_axis(t, indices, axis)",
    "index_select": "Write np.take(t, indices, axis)",
    "scatter": "Write u = t.copy(), and np.put_along_axis(u, indices, values, axis)",
    "scatter_": "Write np.put_along_axis(t, indices, values, axis)",
    "type": "Write t.astype(...)",
    "device": "Arrays are on the CPU, so leave it out",
    "clamp": "Write np.clip(t, low, high)",
    "requires_grad_": "Write t.requires_grad = True",
    "grad_fn": "al.Graph(t) shows what it was made by",
    "data_ptr": "Write t.numpy()",
    **{
        name: f"Write al.{name}(t)"
        for name in ("sigmoid", "relu", "softmax", "log_softmax", "logsumexp", "softplus")
    },
    "sub_": "Write t.data = t.data - u",
    "zero_": "Write t.data = 0 * t.data, or t.zero_grad() for its gradient",
    **dict.fromkeys(("contiguous", "is_contiguous"), "Leave it out: NumPy copies where it must"),
    "detach_": "Write t = t.detach()",
    **{name: f"Write t {sign} u" for name, sign in map(str.split, _OPERATORS)},
    "neg": "Write -t",
    "fill_": "Write t[...] = x, for a parameter inside al.no_grad()",
    **{f"{f}_": f"Write t.data = rng.{f}(size=t.shape)" for f in ("normal", "uniform")},
    "chunk": "Write np.split(t, n)",
    "values": "Write np.max(t, axis), and np.argmax(t, axis)",
    "topk": "Write np.sort(t)[..., -k:]",
    "type_as": "Write t.astype(u.dtype)",
    "new_zeros": "Write np.zeros(shape, like=t)",
    "unfold": "Write np.lib.stride_tricks.sliding_window_view(t, n)",
    "inverse": "Write np.linalg.inv(t)",
    **dict.fromkeys(("cat", "concatenate"), "Write np.concatenate([t, u])"),
    "stack": "Write np.stack([t, u])",
    "at": "Write t = t.copy(), and t[i] = v",
    "block_until_ready": "Leave it out: it is computed",
    **dict.fromkeys(("null_grad", "null_gradients"), "Write t.zero_grad()"),
    "constant": "Write not t.requires_grad",
    "creator": "al.Graph(t) shows what it was made by",
    "value": "Write t.data, or t.item() for a number",
    "gradient": "Write t.backward(), and t.grad",
}
"""What to write in place of a method that there is not."""

for _name in ("abs", "exp", "log", "sqrt", "neg", "sigmoid", "relu", "clamp", "masked_fill"):
    _written = INSTEAD[_name].replace("Write ", "Write t[...] = ")
    INSTEAD[f"{_name}_"] = f"{_written}, for a parameter inside al.no_grad()"


class _Missing:
    """An attribute that is not there, and says what to write."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, t: Any, kind: type) -> Any:
        error = AttributeError(
            f"{kind.__name__!r} object has no attribute {self.name!r}. {INSTEAD[self.name]}."
        )
        error.name, error.obj = self.name, t
        raise error


class Unlisted(type):
    """A class that does not list what is not there."""

    def __dir__(cls) -> list[str]:
        return [name for name in super().__dir__() if name not in INSTEAD]


class Guesses(metaclass=Unlisted):
    """What to write in place of methods of other libraries."""

    __slots__ = ()

    def __dir__(self) -> list[str]:
        return [name for name in super().__dir__() if name not in INSTEAD]


for _name in INSTEAD:
    setattr(Guesses, _name, _Missing(_name))
