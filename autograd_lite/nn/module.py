"""The base of everything that has parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from autograd_lite.core.backward import next_birth
from autograd_lite.functional.nests import leaves_of, rebuild
from autograd_lite.nn.module_call import Card, call_of
from autograd_lite.tensor import Tensor


class _NamesItsTensors(type):
    """Once a module is built, call its tensors by their attribute path: ``hidden.weight``."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        module = super().__call__(*args, **kwargs)
        for path, tensor in _leaves(module):
            # A name that the path ends in was given here, for a part; any other is the user's.
            if tensor.name is None or path.endswith(f".{tensor.name}"):
                tensor.name = path
        for path, part in _modules(module, ""):
            part._path, part._card = path, None
        return module


class Module(metaclass=_NamesItsTensors):
    """A part of a network: a function with parameters.

    A subclass sets attributes in ``__init__`` and computes in ``forward``. Its parameters are the
    leaf tensors with ``requires_grad=True`` among its attributes, and those of the modules among
    them, also inside lists, tuples and dicts; always in the order in which they were set.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_lite import nn
    >>> class Net(nn.Module):
    ...     def __init__(self, rng):
    ...         self.hidden = nn.Linear(3, 4, rng=rng)
    ...         self.out = nn.Linear(4, 1, bias=False, rng=rng)
    ...         self.activation = nn.Sigmoid()
    ...
    ...     def forward(self, x):
    ...         hidden = self.activation(self.hidden(x))
    ...         return self.activation(self.out(hidden))
    >>> net = Net(np.random.default_rng(0))
    >>> net
    Net                      20 parameters
      hidden: Linear(3, 4)   weight (3, 4), bias (4,)
      out: Linear(4, 1)      weight (4, 1)
      activation: Sigmoid
    >>> [name for name, _ in net.named_parameters()]
    ['hidden.weight', 'hidden.bias', 'out.weight']
    >>> net(np.zeros((5, 3))).shape
    (5, 1)
    """

    training = True
    _path = ""  # In the outermost module that was built with it.
    _card: Card | None = None  # What the tensors that it returns remember; made in the first call.

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the output; what a subclass defines."""
        raise NotImplementedError(
            f"{type(self).__name__} has no forward method. Define `def forward(self, x): ...`."
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the output: ``module(x)`` is ``module.forward(x)``."""
        since = next_birth()
        result = self.forward(*args, **kwargs)
        if isinstance(result, Tensor):
            if result._primitive is not None and result._birth > since:
                result._call = call_of((self._card or self._new_card(), since, result._call))
        elif isinstance(result, dict | list | tuple):
            for part in result.values() if isinstance(result, dict) else result:
                if isinstance(part, Tensor) and not part.is_leaf and part._birth > since:
                    part._call = call_of((self._card or self._new_card(), since, part._call))
        return result

    def _new_card(self) -> Card:
        self._card = Card(self, self._path)
        return self._card

    def named_parameters(self) -> list[tuple[str, Tensor]]:
        """Return path and tensor of every parameter, in the order of definition.

        A tensor that stands in two places is listed once, under its first path.
        """
        return [(path, tensor) for path, tensor in _leaves(self) if tensor.requires_grad]

    def parameters(self) -> list[Tensor]:
        """Return every parameter, in the order of definition."""
        return [tensor for _, tensor in self.named_parameters()]

    def modules(self) -> list[tuple[str, Module]]:
        """Return path and module of this module and every one in it; its own path is empty."""
        return [("", self), *_modules(self, "")]

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for tensor in self.parameters():
            tensor.zero_grad()

    def state_dict(self) -> dict[str, NDArray[Any]]:
        """Return a copy of every leaf tensor, frozen ones too, by path."""
        return {path: np.array(tensor.data) for path, tensor in _leaves(self)}

    def load_state_dict(self, state: Mapping[str, ArrayLike]) -> None:
        """Take over values by path.

        Parameters
        ----------
        state : mapping of str to array_like
            Exactly the keys and shapes of `state_dict`.

        Raises
        ------
        ValueError
            If keys are missing, unexpected or of another shape: all of them are named, and
            nothing has been changed.
        """
        own = dict(_leaves(self))
        arrays = {path: np.asarray(value) for path, value in state.items()}
        problems = [f"missing: {path} {own[path].shape}" for path in own if path not in arrays]
        problems += [
            f"unexpected: {path} {arrays[path].shape}" for path in arrays if path not in own
        ]
        problems += [
            f"misshapen: {path} is {own[path].shape}, got {arrays[path].shape}"
            for path in own
            if path in arrays and own[path].shape != arrays[path].shape
        ]
        if problems:
            listed = "\n  ".join(problems)
            raise ValueError(
                f"load_state_dict: the state does not fit {type(self).__name__}, which was left "
                f"as it is.\n  {listed}"
            )
        for path, tensor in own.items():
            tensor.data = arrays[path]

    def train(self, mode: bool = True) -> Self:
        """Set this module, and every one in it, to training (or evaluation)."""
        for _, module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Set this module, and every one in it, to evaluation."""
        return self.train(False)

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy or a pickle is made of: no result in it becomes a parameter."""
        state = {name: _without_history(part) for name, part in vars(self).items()}
        state.pop("_card", None)  # It says which module it is of.
        return state

    def extra_repr(self) -> str:
        """Return what stands in the parentheses of ``Linear(3, 4)``; nothing by default."""
        return ""

    def __repr__(self) -> str:
        rows: list[tuple[str, str]] = []
        depths: dict[str, int] = {}
        for path, module in self.modules():
            inside = [other for other in depths if not other or path.startswith(f"{other}.")]
            owner = max(inside, key=len, default="")
            depths[path] = depth = depths[owner] + 1 if inside else 0
            title = f"{path.removeprefix(f'{owner}.')}: " if path else ""
            extra = module.extra_repr()
            title += type(module).__name__ + (f"({extra})" if extra else "")
            own = [(name, x) for name, x in _leaves(module) if "." not in name]
            rows.append(("  " * depth + title, ", ".join(f"{n} {x.shape}" for n, x in own)))
        count = sum(tensor.size for tensor in self.parameters())
        noun = "parameter" if count == 1 else "parameters"
        width = max(len(title) for title, _ in rows) + 3
        rows[0] = (rows[0][0], "  ".join(filter(None, [f"{count} {noun}", rows[0][1]])))
        return "\n".join(f"{title:{width}}{detail}".rstrip() for title, detail in rows)


def _without_history(value: Any) -> Any:
    """Detach the results in an attribute: as leaves that require a gradient they would train."""
    leaves = leaves_of(value)
    if not any(isinstance(x, Tensor) and not x.is_leaf for x in leaves):
        return value
    return rebuild(
        value, [x.detach() if isinstance(x, Tensor) and not x.is_leaf else x for x in leaves]
    )


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the named parts of a module or a container."""
    if isinstance(value, Module):
        yield from vars(value).items()
    elif isinstance(value, dict):
        yield from ((str(key), part) for key, part in value.items())
    elif isinstance(value, list | tuple):
        yield from ((str(i), part) for i, part in enumerate(value))


def _leaves(module: Module) -> list[tuple[str, Tensor]]:
    """Return path and tensor of every leaf tensor in a module, each once."""
    found: dict[Tensor, str] = {}

    def visit(value: Any, path: str, above: tuple[int, ...]) -> None:
        if isinstance(value, Tensor):
            if value.is_leaf:
                found.setdefault(value, path)
        elif id(value) not in above:  # A module may hold one that holds it.
            for name, part in _parts(value):
                visit(part, f"{path}.{name}" if path else name, (*above, id(value)))

    visit(module, "", ())
    return [(path, tensor) for tensor, path in found.items()]


def _modules(value: Any, path: str, above: tuple[int, ...] = ()) -> list[tuple[str, Module]]:
    """Return path and module of every module inside a module or container."""
    found: list[tuple[str, Module]] = []
    for name, part in _parts(value):
        if id(part) in (*above, id(value)):
            continue
        here = f"{path}.{name}" if path else name
        if isinstance(part, Module):
            found.append((here, part))
        if not isinstance(part, Tensor):
            found += _modules(part, here, (*above, id(value)))
    return found
