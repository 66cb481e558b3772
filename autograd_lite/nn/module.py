"""The base of everything that has parameters."""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from autograd_lite.core.backward import next_birth
from autograd_lite.core.later import add_spelling, names_its_arguments, unknown_argument
from autograd_lite.functional.nests import leaves_of, rebuild
from autograd_lite.nn.module_call import Card
from autograd_lite.nn.state import fitting
from autograd_lite.tensor import Tensor

INSTEAD = {
    **dict.fromkeys(("to", "cuda", "cpu"), "Leave it out: arrays are on the CPU"),
    **dict.fromkeys(
        ("float", "double", "half", "astype"), "Write nn.Linear(3, 2, dtype=np.float32), and so on"
    ),
    "register_buffer": "Write self.mean = al.Tensor(values)",
    "register_parameter": "Write self.w = al.Tensor(values, requires_grad=True)",
    "add_module": "Write self.part = module",
    "append": "Write nn.Sequential(*net, module)",
    **dict.fromkeys(("apply", "children"), "Write for module in net.modules(): ..."),
    "named_children": "Write net.named_modules()",
    "requires_grad_": "Write for p in net.parameters(): p.requires_grad = False",
    "register_forward_hook": "In forward, write print(x), or use what it computes",
    "save": 'Write al.save(net, "net.npz")',
    "load": 'Write al.load("net.npz", into=net)',
    "fit": "Write the loop: for X, y in al.data.batches(...): ...",
    "summary": "Write print(net)",
    "compile": "Write al.compile(loss_of, optimiser)",
    "num_parameters": "Write sum(p.size for p in net.parameters())",
    "predict": "Write net.eval(), and net(X)",
    **dict.fromkeys(("in_features", "out_features"), "Write layer.weight.shape"),
}
"""What to write in place of attributes that modules have elsewhere."""

M = TypeVar("M")
P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)


class _NamesItsTensors(type):
    """Once a module is built, name its tensors after their attribute path: ``hidden.weight``.

    `Module` has a metaclass because only a metaclass runs code after the ``__init__`` of a
    subclass, whoever writes it.
    """

    def __new__(cls, name: str, bases: tuple[type, ...], space: dict[str, Any], **more: Any) -> Any:
        """Make a class, but none with slots: what they hold is not among the attributes."""
        if space.get("__slots__"):
            raise TypeError(
                f"{name} has __slots__, and a module is its attributes: no parameter in a slot "
                f"would be found. Leave them out."
            )
        return super().__new__(cls, name, bases, space, **more)

    def __call__(cls: type[M], *args: Any, **kwargs: Any) -> M:
        try:
            module: M = type.__call__(cls, *args, **kwargs)
        except TypeError as error:
            if kwargs and cls.__init__ is object.__init__:
                raise unknown_argument(cls, kwargs) from None
            add_spelling(error, cls.__init__, f"{cls.__name__}.__init__")
            raise
        for path, tensor in _leaves(module):
            # The name of a part, given when that was built, is the end of its path here; any
            # other name is the user's.
            if tensor.name is None or path.endswith(f".{tensor.name}"):
                tensor.name = path
        built: Any = module
        built._card = None  # Made in the first call: that is no change of an attribute.
        for path, part in _modules(module):
            part._path, part._card = path, None
        return module

    @property
    def __signature__(cls) -> inspect.Signature:
        """What `help` and editors show: the arguments of ``__init__``."""
        made: Any = cls.__init__  # type: ignore[misc]  # It may be that of a subclass.
        if made is object.__init__:
            return inspect.Signature()
        known = inspect.signature(made)
        return known.replace(parameters=[*known.parameters.values()][1:])


class _Forward(Protocol[P, R_co]):
    """Anything with a ``forward``: how a call of a module gets the signature of it."""

    def forward(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Compute the output."""


class Module(metaclass=_NamesItsTensors):
    """A part of a network: a function with parameters.

    A subclass sets attributes in ``__init__`` and computes in `forward`; there is no
    ``super().__init__()`` to call. Its parameters are the leaf tensors with
    ``requires_grad=True`` among its attributes and those of the modules among its attributes, also
    inside lists, tuples and dicts, in the order in which they were set.

    Attributes
    ----------
    training : bool
        True until `eval` is called; for modules that compute something else in training.

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
    transposed: Sequence[str] = ()  # The tensors of its own that PyTorch holds transposed.
    _path = ""  # In the outermost module that was built with it.
    _card: Card | None = None  # What the tensors that it returns remember; made in the first call.

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Say that there is no such attribute, and what to write if that can be guessed."""
            if hasattr(type(self), name):  # A property failed: once more, for its own error.
                return super().__getattribute__(name)
            said = f"{type(self).__name__!r} object has no attribute {name!r}"
            said += f". {INSTEAD[name]}." if name in INSTEAD else ""
            raise AttributeError(said, name=name, obj=self)

    def __setattr__(self, name: str, value: object) -> None:
        """Refuse a result in the place of a parameter: no optimiser would find it."""
        is_leaf = isinstance(value, Tensor) and value.requires_grad and value.is_leaf
        if isinstance(value, Tensor | np.ndarray) and not is_leaf:
            before = vars(self).get(name)
            if isinstance(before, Tensor) and before.requires_grad and before.is_leaf:
                raise TypeError(
                    f"{type(self).__name__}.{name} is a parameter; assigning anything but a leaf "
                    f"with requires_grad=True would hide it from the optimiser. To change its "
                    f"value, write net.{name}.data = …; to freeze it, net.{name}.requires_grad = "
                    f"False. Give a value that forward computes another name."
                )
        super().__setattr__(name, value)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the output; a subclass defines it, with any arguments.

        Parameters
        ----------
        *args, **kwargs
            The arguments of the call ``module(...)``.

        Returns
        -------
        Tensor, or anything else
            The output. The graph shows which module call returned a tensor if the tensor is
            returned directly or in a list, tuple or dict.

        Raises
        ------
        NotImplementedError
            If the subclass defines no `forward`.

        Examples
        --------
        >>> import autograd_lite as al
        >>> class Scale(al.nn.Module):
        ...     def __init__(self, factor):
        ...         self.factor = al.Tensor(factor, requires_grad=True)
        ...
        ...     def forward(self, x):
        ...         return self.factor * x
        >>> Scale(2.0)(al.Tensor([1.0, 3.0])).tolist()
        [2.0, 6.0]
        """
        raise NotImplementedError(
            f"{type(self).__name__} has no forward method. Define `def forward(self, x): ...`."
        )

    def __call__(self: _Forward[P, R_co], *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Compute the output: ``module(x)`` returns ``module.forward(x)``."""
        module: Any = self
        since = next_birth()
        try:
            result = module.forward(*args, **kwargs) if kwargs else module.forward(*args)
        except Exception as error:
            _note_module(error, module)
            raise
        if isinstance(result, Tensor):
            if result._primitive is not None and result._birth > since:
                rare = result._rare  # Without another call: a module does little else.
                if rare is None:
                    result._rare = {"_call": (module._card or _card_of(module), since, None)}
                else:
                    call = module._card or _card_of(module), since, rare.get("_call")
                    rare["_call"] = call
        elif isinstance(result, dict | list | tuple):
            for part in leaves_of(result):
                if isinstance(part, Tensor) and not part.is_leaf and part._birth > since:
                    _note_call(module, since, part)
        return result

    def named_parameters(self) -> list[tuple[str, Tensor]]:
        """Return the path and the tensor of every parameter, in the order of definition.

        Returns
        -------
        list of (str, Tensor)
            A tensor that stands in two places is listed once, under its first path.

        Examples
        --------
        >>> from autograd_lite import nn
        >>> net = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1, bias=False))
        >>> {path: tensor.shape for path, tensor in net.named_parameters()}
        {'0.weight': (2, 3), '0.bias': (3,), '2.weight': (3, 1)}
        """
        return [(path, tensor) for path, tensor in _leaves(self) if tensor.requires_grad]

    def parameters(self) -> list[Tensor]:
        """Return every parameter, in the order of definition, each once.

        Returns
        -------
        list of Tensor
            The tensors themselves, for an optimiser. One whose ``requires_grad`` has been set to
            False is frozen, and not among them.

        Examples
        --------
        >>> from autograd_lite import nn
        >>> layer = nn.Linear(2, 3)
        >>> layer.weight.requires_grad = False
        >>> [p.name for p in layer.parameters()]
        ['bias']
        """
        return [tensor for _, tensor in self.named_parameters()]

    def named_buffers(self) -> list[tuple[str, Tensor | NDArray[Any]]]:
        """Return the path and the value of everything in the state that is not a parameter.

        Returns
        -------
        list of (str, Tensor or array)
            Tensors that do not require a gradient, running means and frozen parameters among them,
            and arrays of numbers, in the order of definition.

        Examples
        --------
        >>> import numpy as np
        >>> from autograd_lite import nn
        >>> class Centred(nn.Module):
        ...     def __init__(self):
        ...         self.norm = nn.BatchNorm1d(2, affine=False)
        ...         self.centre = np.zeros(2)
        >>> [path for path, _ in Centred().named_buffers()]
        ['norm.running_mean', 'norm.running_var', 'norm.num_batches_tracked', 'centre']
        """
        return [
            (path, part)
            for path, part, _ in _state(self)
            if not isinstance(part, Tensor) or not part.requires_grad
        ]

    def buffers(self) -> list[Tensor | NDArray[Any]]:
        """Return what is in the state and is not a parameter; see `named_buffers`.

        Examples
        --------
        >>> from autograd_lite import nn
        >>> len(nn.BatchNorm1d(2).buffers())
        3
        """
        return [part for _, part in self.named_buffers()]

    def modules(self) -> list[Module]:
        """Return this module and every module inside it; see `named_modules`.

        Examples
        --------
        >>> from autograd_lite import nn
        >>> net = nn.Sequential(nn.Linear(2, 3), nn.Tanh())
        >>> [isinstance(module, nn.Linear) for module in net.modules()]
        [False, True, False]
        """
        return [module for _, module in self.named_modules()]

    def named_modules(self) -> list[tuple[str, Module]]:
        """Return the path and the module of this module and of every module inside it.

        Returns
        -------
        list of (str, Module)
            This module comes first; its own path is empty.

        Examples
        --------
        >>> from autograd_lite import nn
        >>> net = nn.Sequential(nn.Linear(2, 3), nn.Tanh())
        >>> [(path, type(module).__name__) for path, module in net.named_modules()]
        [('', 'Sequential'), ('0', 'Linear'), ('1', 'Tanh')]
        """
        return [("", self), *_modules(self)]

    @names_its_arguments
    def zero_grad(self) -> None:
        """Clear the gradients of all parameters: ``grad`` is None again.

        Examples
        --------
        >>> import autograd_lite as al
        >>> layer = al.nn.Linear(2, 1)
        >>> layer(al.Tensor([1.0, 2.0])).backward()
        >>> layer.zero_grad()
        >>> layer.weight.grad is None
        True
        """
        for tensor in self.parameters():
            tensor.zero_grad()

    def state_dict(self) -> dict[str, NDArray[Any]]:
        """Return a copy of the value of every parameter and every buffer, by path.

        Returns
        -------
        dict of str to array
            In the order of definition, with the shapes and dtypes of the tensors; `load_state_dict`
            takes it. ``al.save(net, file)`` writes it to a file. Buffers are the leaf tensors
            that do not require a gradient, and arrays of numbers.

        Examples
        --------
        >>> from autograd_lite import nn
        >>> layer = nn.Linear(2, 1)
        >>> layer.weight.data = [[3.0], [4.0]]
        >>> layer.state_dict()["weight"].tolist()
        [[3.0], [4.0]]
        """
        return {path: np.array(_bare(part)) for path, part, _ in _state(self)}

    @names_its_arguments
    def load_state_dict(self, state: Mapping[str, ArrayLike], strict: bool = True) -> None:
        """Set the values of all parameters and buffers, by path.

        Parameters
        ----------
        state : mapping of str to array_like
            Exactly the keys and shapes of `state_dict`. Values are copied and take the dtype of
            the tensor. For a state of PyTorch's, write
            ``net.load_state_dict(nn.from_pytorch(net, state))``.
        strict : bool
            If False, keys may be missing, whose values stay, or unexpected, which are left out.

        Raises
        ------
        TypeError
            If `state` is not a mapping, or holds tensors of PyTorch.
        ValueError
            If keys are missing or unexpected, or shapes differ. The message names all of them, and
            the module is unchanged.

        Examples
        --------
        >>> from autograd_lite import nn
        >>> one, two = nn.Linear(2, 1), nn.Linear(2, 1)
        >>> two.load_state_dict(one.state_dict())
        >>> two.weight.tolist() == one.weight.tolist()
        True
        >>> two.load_state_dict({"weight": [[1.0, 2.0]]})
        Traceback (most recent call last):
        ValueError: load_state_dict: the state does not fit this Linear, which is unchanged.
          missing: bias (1,)
          wrong shape: weight is (2, 1), got (1, 2)
        """
        own = {path: _bare(part) for path, part, _ in _state(self)}
        arrays = fitting(type(self).__name__, own, state, strict)
        for path, part, places in _state(self):
            if path not in arrays:
                continue
            if isinstance(part, Tensor):
                part.data = arrays[path]
            else:
                made = np.array(arrays[path], part.dtype)
                for place in places:
                    _put(place, made)

    def train(self, mode: bool = True) -> Self:
        """Switch this module and every module inside it to training, and return it.

        Parameters
        ----------
        mode : bool
            The new value of ``training``; False is evaluation.

        Examples
        --------
        >>> from autograd_lite import nn
        >>> net = nn.Sequential(nn.Linear(2, 1)).train(False)
        >>> net.training, net[0].training
        (False, False)
        """
        for module in self.modules():
            if mode is type(module).training:  # Then all is as before `eval`, for who compares it.
                vars(module).pop("training", None)
            else:
                module.training = mode
        return self

    def eval(self) -> Self:
        """Switch this module and every module inside it to evaluation, and return it.

        Examples
        --------
        >>> from autograd_lite import nn
        >>> nn.Sequential(nn.Linear(2, 1)).eval()[0].training
        False
        """
        return self.train(False)

    def extra_repr(self) -> str:
        """Return what stands in the parentheses of ``Linear(3, 4)``: nothing by default.

        Examples
        --------
        >>> from autograd_lite import nn
        >>> nn.Linear(3, 4).extra_repr()
        '3, 4'
        """
        return ""

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy or a pickle is made of; results that it holds lose their history."""
        state = {name: _without_history(part) for name, part in vars(self).items()}
        state["_card"] = None  # It refers to this module.
        return state

    def __repr__(self) -> str:
        rows: list[tuple[str, str]] = []
        depths: dict[str, int] = {}
        for path, module in self.named_modules():
            inside = [other for other in depths if not other or path.startswith(f"{other}.")]
            owner = max(inside, key=len, default="")
            depths[path] = depth = depths[owner] + 1 if inside else 0
            title = f"{path.removeprefix(f'{owner}.')}: " if path else ""
            extra = module.extra_repr()
            title += type(module).__name__ + (f"({extra})" if extra else "")
            parts = tuple(f"{part}." for part, _ in module.named_modules() if part)
            own = [(name, x) for name, x in _leaves(module) if not name.startswith(parts)]
            rows.append(("  " * depth + title, ", ".join(f"{n} {x.shape}" for n, x in own)))
        count = sum(tensor.size for tensor in self.parameters())
        noun = "parameter" if count == 1 else "parameters"
        width = max(len(title) for title, _ in rows) + 3
        rows[0] = (rows[0][0], "  ".join(filter(None, [f"{count} {noun}", rows[0][1]])))
        return "\n".join(f"{title:{width}}{detail}".rstrip() for title, detail in rows)


def _card_of(module: Module) -> Card:
    if module._card is None:
        module._card = Card(module, module._path)
    return module._card


def _note_module(error: Exception, module: Module) -> None:
    """Let an error name the innermost module that it was raised in."""
    start = "This was in the module "
    if not any(note.startswith(start) for note in getattr(error, "__notes__", ())):
        title = f"{type(module).__name__}({module.extra_repr()})"
        error.add_note(f"{start}{module._path}: {title}." if module._path else f"{start}{title}.")


def _note_call(module: Module, since: int, result: Tensor) -> None:
    """Let a tensor remember the call of a module that returned it, as `ModuleCall` reads it."""
    rare = result._rare = result._rare or {}
    rare["_call"] = (_card_of(module), since, rare.get("_call"))


def _without_history(value: Any) -> Any:
    """Detach the results in an attribute: as leaves that require a gradient they would train."""
    try:
        leaves = leaves_of(value)
    except RecursionError:  # It holds itself.
        return value
    if not any(isinstance(x, Tensor) and not x.is_leaf for x in leaves):
        return value
    return rebuild(
        value, [x.detach() if isinstance(x, Tensor) and not x.is_leaf else x for x in leaves]
    )


NUMBERS = "biufc"
"""The kinds of dtypes of arrays that are in a state."""

Place = tuple[tuple[Any, Any], ...]
"""Where something is held: the holders from the outermost, each with the name inside it."""


def _inside(value: Any, path: str = "", place: Place = ()) -> Iterator[tuple[str, Any, Place]]:
    """Yield path, value and place of all that is inside a module: modules, tensors and arrays.

    The order is depth first. A module may hold one that holds it; that one is not entered again.
    """
    parts: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, Module):
        parts = vars(value).items()
    elif isinstance(value, dict):
        parts = value.items()
    elif isinstance(value, list | tuple | deque):
        parts = enumerate(value)
    above = {id(value), *(id(holder) for holder, _ in place)}
    for name, part in parts:
        here, there = f"{path}.{name}" if path else str(name), (*place, (value, name))
        if isinstance(part, Tensor | np.ndarray):
            yield here, part, there
        elif isinstance(part, Module | dict | list | tuple | deque) and id(part) not in above:
            if isinstance(part, Module):
                yield here, part, there
            yield from _inside(part, here, there)
        elif isinstance(part, set | frozenset) and any(
            isinstance(x, Module | Tensor) for x in part
        ):
            raise TypeError(
                f"{here} is a {type(part).__name__}, in which parameters have no order and no "
                f"name. Hold them in a list or a dict."
            )


def _state(module: Any) -> list[tuple[str, Any, list[Place]]]:
    """Return path, value and places of each leaf tensor and array of numbers inside a module."""
    found: dict[int, tuple[str, Any, list[Place]]] = {}
    for path, part, place in _inside(module):
        tensor = isinstance(part, Tensor)
        if part.is_leaf if tensor else isinstance(part, np.ndarray) and part.dtype.kind in NUMBERS:
            found.setdefault(id(part), (path, part, []))[2].append(place)
    return list(found.values())


def _bare(part: Any) -> Any:
    return part.data if isinstance(part, Tensor) else part


def _put(place: Place, value: Any) -> None:
    """Put an array where another one is held."""
    holders = [place[0][0]]  # Those of now: a tuple may be another one by now.
    for _, name in place[:-1]:
        last = holders[-1]
        holders.append(vars(last)[name] if isinstance(last, Module) else last[name])
    for holder, (_, name) in zip(reversed(holders), reversed(place), strict=True):
        if isinstance(holder, Module):
            setattr(holder, name, value)
        elif isinstance(holder, tuple):  # It cannot change: another one takes its place.
            parts = [value if i == name else part for i, part in enumerate(holder)]
            value = type(holder)(*parts) if hasattr(holder, "_fields") else tuple(parts)
            continue
        else:
            holder[name] = value
        return


def _leaves(module: Any) -> list[tuple[str, Tensor]]:
    """Return path and tensor of every leaf tensor in a module, each once."""
    return [(path, part) for path, part, _ in _state(module) if isinstance(part, Tensor)]


def _modules(module: Any) -> list[tuple[str, Module]]:
    """Return path and module of every module inside a module."""
    return [(path, part) for path, part, _ in _inside(module) if isinstance(part, Module)]
