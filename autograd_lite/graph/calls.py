"""Which calls of modules made the values of a computation, and which of its leaves they hold."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from autograd_lite.core.backward import operands_of
from autograd_lite.nn.module_call import ModuleCall
from autograd_lite.tensor import Tensor


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a module, in which values of a computation were made.

    Attributes
    ----------
    path : str
        Where the module stands in the outermost one: ``hidden``; empty for that itself.
    kind : str
        The name of its class.
    number : int
        0 for the first call in the computation, 1 for the next one.
    parameters : int or None
        How many numbers the module learns; None if it is gone.

    Examples
    --------
    >>> import autograd_lite as al
    >>> net = al.nn.Sequential(al.nn.Linear(2, 3), al.nn.Tanh())
    >>> y = net(al.Tensor([[1.0, 2.0]]))
    >>> for call in al.Graph(y).find(y).calls:
    ...     print(call)
    Call(path='', kind='Sequential', number=0, parameters=9)
    Call(path='1', kind='Tanh', number=0, parameters=0)
    """

    path: str
    kind: str
    number: int
    parameters: int | None


class Held:
    """The leaves that a module holds; if it is gone, those whose names say so."""

    def __init__(self, call: ModuleCall, own: Sequence[Tensor]) -> None:
        self.gone = call.card.module() is None
        self.path = f"{call.card.path}." if call.card.path else ""
        self.own = {id(x) for x in own}

    def __contains__(self, leaf: Tensor) -> bool:
        if id(leaf) in self.own:
            return True
        if self.path:
            return (leaf.name or "").startswith(self.path)
        return self.gone and bool(leaf.name) and leaf._requires_grad


def calls(tensors: Sequence[Tensor]) -> tuple[dict[Tensor, tuple[Call, ...]], dict[Call, Held]]:
    """Find the calls of modules that tensors were made in, and what each call holds.

    What a call returned was computed in it from what is older than the call. So the tensors made
    in it are those behind its result that are younger than it.
    """
    made: list[tuple[ModuleCall, Tensor]] = []
    for tensor in tensors:
        call: tuple[Any, ...] | None = tensor._call
        while call is not None:
            made.append((ModuleCall(*call), tensor))
            call = call[2]
    found: dict[Tensor, tuple[Call, ...]] = {}
    held: dict[Call, Held] = {}
    described: dict[tuple[int, int], Call] = {}  # A call may have returned several tensors.
    numbers: Counter[tuple[str, str]] = Counter()
    learnt: dict[int, list[Tensor]] = {}  # By module: a network may be called 10,000 times.
    for call, result in sorted(made, key=lambda pair: pair[0].since):  # The outermost first.
        card = call.card
        key = (id(card.module), call.since)
        if key not in described:
            module = card.module()
            if id(module) not in learnt:
                learnt[id(module)] = [] if module is None else module.parameters()
            own = learnt[id(module)]
            count = None if module is None else sum(x.size for x in own)
            described[key] = Call(card.path, card.kind, numbers[card.path, card.kind], count)
            numbers[card.path, card.kind] += 1
            held[described[key]] = Held(call, own)
        waiting = [result]
        seen = {result}
        while waiting:
            tensor = waiting.pop()
            if described[key] not in found.get(tensor, ()):
                found[tensor] = (*found.get(tensor, ()), described[key])
            for x in operands_of(tensor):
                if x is not None and x._birth > call.since and x not in seen:
                    seen.add(x)
                    waiting.append(x)
    return found, held
