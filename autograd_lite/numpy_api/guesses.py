"""Names that users of other libraries try on a Tensor, and what to write instead.

They are missing as any other name is: ``hasattr`` says so, and ``dir`` does not list them.
"""

from __future__ import annotations

from typing import Any

INSTEAD = {
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
    "numel": "Write t.size",
    "dim": "Write t.ndim",
    "clone": "Write t.copy()",
    "flat": "Write t.reshape(-1) to read, and np.put(t, positions, values) to write",
    "strides": "For windows, write np.lib.stride_tricks.sliding_window_view(t, n)",
    **{
        name: f"Write t {sign}= u inside al.no_grad(), or for a result t = t {sign} u"
        for name, sign in (("add_", "+"), ("mul_", "*"), ("div_", "/"))
    },
    "copy_": "Write t[...] = u, for a parameter inside al.no_grad()",
    "tobytes": "Write t.numpy().tobytes()",
    "backwards": "Write t.backward()",
    "view": "Write t.reshape(...)",
    "permute": "Write t.transpose(...)",
    "t": "Write t.T",
    "unsqueeze": "Write np.expand_dims(t, axis)",
    "expand": "Write np.broadcast_to(t, shape)",
    "mm": "Write t @ u",
    "matmul": "Write t @ u",
    "add": "Write t + u",
    "mul": "Write t * u",
    "pow": "Write t**u",
    "masked_fill": "Write np.where(mask, value, t)",
    "gather": "Write np.take_along_axis(t, indices, axis)",
    "index_select": "Write np.take(t, indices, axis)",
    "scatter_": "Write np.put_along_axis(t, indices, values, axis)",
    "type": "Write t.astype(...)",
    "device": "Arrays are on the CPU, so leave it out",
    "norm": "Write np.linalg.norm(t)",
    "clamp": "Write np.clip(t, low, high)",
    "requires_grad_": "Write t.requires_grad = True",
    "grad_fn": "al.Graph(t) shows what it was made by",
    "data_ptr": "Write t.numpy()",
    "sigmoid": "Write al.sigmoid(t)",
    "relu": "Write al.relu(t)",
    "softmax": "Write al.softmax(t)",
    "sub_": "Write t.data = t.data - u",
    "zero_": "Write t.data = 0 * t.data, or t.zero_grad() for its gradient",
    **{name: f"Write np.{name}(t)" for name in ("exp", "log", "sqrt", "tanh", "sin", "cos", "abs")},
}
"""What to write in place of a method that there is not."""


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
