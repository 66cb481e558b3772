"""`save` and `load`: what a training needs to go on, in a file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from autograd_lite.core.later import names_its_arguments
from autograd_lite.functional.nests import leaves_of
from autograd_lite.nn.module import Module
from autograd_lite.saving import formats, nest
from autograd_lite.tensor import Tensor

DEEPEST = 100
"""Levels of a nest that can be saved."""


@names_its_arguments
def save(state: Any, path: str | os.PathLike[str]) -> Path:
    """Write a state to a file.

    Parameters
    ----------
    state : Module, or dict, list or tuple of what is listed
        Modules, optimisers, schedules and whatever else has a ``state_dict``; a
        numpy.random.Generator; Tensors and arrays of numbers; numbers, strings, booleans, None; and
        dicts, lists and tuples of all these. With a module, the generators inside it are saved.
    path : str or path
        A name that ends in ``.npz`` or ``.safetensors``. A file that is there is replaced, once the
        new one is complete; folders that are not there are made.

    Raises
    ------
    TypeError
        If there is something in the state that cannot be saved; the message says where.
    ValueError
        If the name ends in something else.
    ModuleNotFoundError
        If safetensors is needed and not installed.

    See Also
    --------
    load : The way back.

    Examples
    --------
    >>> import numpy as np, tempfile, pathlib
    >>> import autograd_lite as al
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> rng = np.random.default_rng(0)
    >>> net = al.nn.Linear(3, 1, rng=rng)
    >>> optimiser = al.optim.Adam(net.parameters(), lr=0.01)
    >>> run = {"net": net, "optimiser": optimiser, "rng": rng, "step": 20}
    >>> al.save(run, folder / "run.npz").name
    'run.npz'
    >>> al.load(folder / "run.npz", into=run)["step"]
    20
    """
    if isinstance(state, str | os.PathLike):
        raise TypeError(f"save needs the state first, and then the path: al.save(net, {state!r}).")
    file = formats.checked("save", path)
    generators: dict[str, Any] = {}
    plain = _plain(state, "", generators)
    arrays: dict[str, Any] = {}
    said = {
        "format": nest.FORMAT,
        "state": nest.encode(plain, arrays),
        "generators": nest.encode(generators, arrays, "generators"),
    }
    formats.write(file, arrays, said)
    return file


@names_its_arguments
def load(path: str | os.PathLike[str], into: Any = None) -> Any:
    """Read a state from a file.

    Nothing in a file is run, and nothing in it is believed before it has been checked.

    Parameters
    ----------
    path : str or path
        What `save` wrote, or any other ``.npz`` or ``.safetensors`` file of arrays of numbers.
    into : Module, or dict, list or tuple, optional
        The same things in the same places as when it was saved. They get the state that they had;
        what is neither a module nor an optimiser, a generator or a Tensor is passed over. If one of
        them does not fit, none is changed.

    Returns
    -------
    dict, list or anything else
        What was saved. Modules, optimisers and generators are their states, for
        ``load_state_dict``. Of a file by somebody else, a dict of arrays.

    Raises
    ------
    ValueError
        If the file is not complete, or not of this kind, or does not fit `into`.
    TypeError
        If `into` is a class.
    FileNotFoundError
        If there is no such file.
    ModuleNotFoundError
        If safetensors is needed and not installed.

    See Also
    --------
    save : Writes the file.
    autograd_lite.nn.from_pytorch : Turns a state of PyTorch's.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> import autograd_lite as al
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "weights.npz"
    >>> net, twin = al.nn.Linear(3, 1), al.nn.Linear(3, 1)
    >>> _ = al.save(net, file)
    >>> sorted(al.load(file, into=twin))
    ['bias', 'weight']
    >>> twin.weight.tolist() == net.weight.tolist()
    True
    """
    if isinstance(into, type):
        raise TypeError(
            f"load needs the object to load into, got the class {into.__name__}. Build it first: "
            f"al.load(path, into={into.__name__}(...))."
        )
    file = formats.checked("load", path)
    arrays, said = formats.read(file)
    if said is None:
        plain, generators = arrays, {}
    else:
        try:
            if said["format"] != nest.FORMAT:
                raise ValueError(f"its format is {said['format']!r}")
            plain = nest.decode(said["state"], arrays)
            generators = nest.decode(said["generators"], arrays)
        except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise ValueError(
                f"load: {file.name} says of itself what this version cannot read: {error}. It may "
                f"have been written by another program, or a newer version."
            ) from error
    if into is not None:
        try:
            steps = [*_pairs(into, plain, "", generators)]
        except ValueError as error:
            raise ValueError(
                f"load: {file.name} does not fit, and nothing is changed: {error}."
            ) from None
        _restore(file, steps)
    return plain


def _plain(x: Any, path: str, generators: dict[str, Any]) -> Any:
    """Return a state without anything alive in it, and note the generators inside modules."""
    if hasattr(x, "state_dict"):
        if isinstance(x, Module):
            found = {place: _of(rng) for place, rng in _generators(x)}
            generators.update({path: found} if found else {})
        return x.state_dict()
    if isinstance(x, np.random.Generator):
        return _of(x)
    if isinstance(x, Tensor):
        return np.array(x.data)
    if path.count(".") > DEEPEST:
        raise ValueError(
            f"save: {path[:40]}… is more than {DEEPEST} levels deep. A list or dict that contains "
            f"itself cannot be saved."
        )
    if isinstance(x, dict):
        return {k: _plain(v, nest.join(path, k), generators) for k, v in x.items()}
    if isinstance(x, list | tuple):
        parts = (_plain(v, nest.join(path, i), generators) for i, v in enumerate(x))
        return list(parts) if isinstance(x, list) else tuple(parts)
    return x


def _of(rng: np.random.Generator) -> dict[str, Any]:
    return dict(rng.bit_generator.state)


def _generators(module: Module) -> Iterator[tuple[str, np.random.Generator]]:
    """Yield the path of every generator in a module, and the generator, each once."""
    seen: set[int] = set()
    for path, part in module.named_modules():
        for name, value in vars(part).items():
            if isinstance(value, np.random.Generator) and id(value) not in seen:
                seen.add(id(value))
                yield nest.join(path, name), value


Step = tuple[str, Callable[[Any], None], Any, Any]
"""What gets a state: where it is, how it gets one, this one, and the old one."""


def _pairs(live: Any, plain: Any, path: str, generators: Any) -> Iterator[Step]:
    """Yield a step for everything alive."""
    where = path or type(live).__name__
    if hasattr(live, "load_state_dict"):
        if not isinstance(plain, dict):
            raise ValueError(f"{where} needs a state, and got {type(plain).__name__}")
        yield where, live.load_state_dict, plain, live.state_dict()
        if isinstance(live, Module):
            saved = generators.get(path, {}) if isinstance(generators, dict) else {}
            for place, rng in _generators(live):
                if place in saved:
                    yield _generator(nest.join(path, place), rng, saved[place])
    elif isinstance(live, np.random.Generator):
        yield _generator(where, live, plain)
    elif isinstance(live, Tensor):
        if np.shape(plain) != live.shape:
            raise ValueError(f"{where} needs shape {live.shape}, got {np.shape(plain)}")
        yield where, partial(setattr, live, "data"), plain, live.data
    elif isinstance(live, dict | list | tuple):
        for key, part in live.items() if isinstance(live, dict) else enumerate(live):
            there = key in plain if isinstance(plain, dict) else key in range(_length(plain))
            if not there and _alive(part):
                raise ValueError(f"there is no {nest.join(path, key)} in it")
            if there:
                yield from _pairs(part, plain[key], nest.join(path, key), generators)


def _length(plain: Any) -> int:
    return len(plain) if isinstance(plain, list | tuple) else 0


def _alive(x: Any) -> bool:
    """Return whether something would get a state."""
    if isinstance(x, dict | list | tuple):
        return any(map(_alive, leaves_of(x)))
    return hasattr(x, "load_state_dict") or isinstance(x, np.random.Generator | Tensor)


def _generator(where: str, rng: np.random.Generator, state: Any) -> Step:
    kind = type(rng.bit_generator).__name__
    if not isinstance(state, dict) or state.get("bit_generator") != kind:
        found = state.get("bit_generator") if isinstance(state, dict) else type(state).__name__
        raise ValueError(f"{where} is a generator of the kind {kind}, and got {found}")
    return where, partial(setattr, rng.bit_generator, "state"), state, _of(rng)


def _restore(file: Path, steps: Any) -> None:
    """Take all steps; if one fails, take back those before it."""
    done: list[Step] = []
    try:
        for step in steps:
            done.append(step)
            _, put, new, _ = step
            put(new)
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError) as error:
        for _, put, _, old in reversed(done):
            put(old)
        raise ValueError(
            f"load: {file.name} does not fit, and nothing is changed; {done[-1][0]}: {error}"
        ) from error
