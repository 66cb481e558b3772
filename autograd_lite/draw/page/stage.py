"""The picture on a page: boxes that can be moved, whose numbers can be told apart and replaced."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree import ElementTree as ET

from numpy.typing import NDArray

from autograd_lite.draw.cards import shape_and_type
from autograd_lite.draw.dot import loose
from autograd_lite.draw.fold import Box, Fold
from autograd_lite.draw.formulas import printable
from autograd_lite.draw.page.states import (
    Layouts,
    Module,
    boxes_of,
    extent,
    head_of,
    modules,
    size_of,
    states,
)
from autograd_lite.draw.scene import Scene
from autograd_lite.draw.scene import scene as make_scene
from autograd_lite.draw.style import ALARM, GRADIENT, QUIET
from autograd_lite.draw.svg import FAMILY, parsed, svg
from autograd_lite.graph import Node
from autograd_lite.graph.cotangents import Use

LABELS = frozenset(
    ("value", "grad", "needs no gradient", "min", "mean", "max", "nan", "±∞", "true")
)
"""What stands beside the numbers of a box."""

LAYERS = ("frames", "arrows", "heads", "boxes", "movers")


def stage(
    scene: Scene,
    folds: Sequence[Fold],
    values: Mapping[str, Any],
    grads: Mapping[str, NDArray[Any]],
    parts: Mapping[str, Mapping[Use, NDArray[Any]]] | None = None,
) -> tuple[str, dict[str, Any]]:
    """Draw the boxes of a scene, and lay them out with modules folded and unfolded.

    - `scene`: what is shown, with nothing folded.
    - `folds`: modules that are folded at first.
    - `values`, `grads`: the numbers that stand in the boxes, where they are others than the scene's
      own.
    - `parts`: what the gradients of shared values are the sums of. Without it, other numbers will
      be put in, and large arrays have no miniatures, which could not change with them.

    It returns an SVG element, with every box at the origin, and ``sizes``, ``modules`` and
    ``states``, for the script.
    """
    drawn = parsed(svg(_source(scene, values, grads, parts), ""))
    boxes = {box.id: box for box in scene.plan.boxes}
    groups = {}
    sizes = {}
    for group in drawn.iter("g"):
        box = boxes.get(group.get("data-id", ""))
        if box is not None:
            left, top, right, bottom = extent(group)
            sizes[box.id] = (right - left, bottom - top)
            groups[box.id] = _movable(group, scene, box, -left, -top)
    found = modules(scene.plan, folds, scene.called)
    folded = {boxes_of(scene.plan, fold) for fold in folds}
    first = frozenset(module.id for module in found if module.boxes in folded)
    sizes |= {module.id: size_of(module) for module in found}
    names = {box.id: printable(scene.title(box)) for box in boxes.values()}
    names |= {module.id: module.title for module in found}
    layouts = Layouts(scene.plan, found, sizes, scene.options.rankdir, names)
    root = ET.Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "font-family": FAMILY,
                              "role": "group", "aria-label": printable(scene.subject)})  # fmt: skip
    layers = {name: ET.SubElement(root, "g", id=name) for name in LAYERS}
    layers["boxes"].extend(groups[key] for key in boxes)
    described = {
        "sizes": {key: [round(side, 1) for side in size] for key, size in sizes.items()},
        "modules": [_module(module) for module in found],
        "states": layouts(states(found, len(boxes), first)),
    }
    return ET.tostring(root, encoding="unicode"), described


def opened(scene: Scene) -> tuple[Scene, list[Fold]]:
    """Return a scene with its modules unfolded, if there is room, and those that were folded."""
    unrolled = _with(scene, loops=False)
    if scene.plan.carried and any(not box.calls for box in unrolled.plan.folds):
        return scene, []  # Too long to be unrolled: of each loop one round is stepped through.
    scene = unrolled
    whole = _with(scene, depth=None, collapse=(), roll=False)
    folds = [fold for fold in scene.plan.folds if fold.calls]
    stretches = {node.id for box in whole.plan.folds for node in box.nodes}
    if any(box.calls for box in whole.plan.folds) or any(
        node.id in stretches for fold in folds for node in fold.nodes
    ):
        return scene, []
    return whole, folds


def _with(scene: Scene, **changes: Any) -> Scene:
    """Return a scene that is folded in another way."""
    folding = dataclasses.replace(scene.options.folding, **changes)
    options = dataclasses.replace(scene.options, folding=folding)
    return make_scene(scene.graph, scene.names, options)


def _source(
    scene: Scene,
    values: Mapping[str, Any],
    grads: Mapping[str, NDArray[Any]],
    parts: Mapping[str, Mapping[Use, NDArray[Any]]] | None,
) -> str:
    """Write the boxes as DOT text; where they will stand does not matter."""

    def numbered(node: Node) -> Node:
        value = values.get(node.id, node.value)
        return dataclasses.replace(node, value=value, grad=grads.get(node.id))

    boxes = tuple(
        dataclasses.replace(box, nodes=list(map(numbered, box.nodes)))
        if isinstance(box, Fold)
        else numbered(box)
        for box in scene.plan.boxes
    )
    maps = ["map"] if parts is not None and "map" in scene.options.show else []
    show = ("shape", "dtype", "value", "grad", *maps)
    options = dataclasses.replace(scene.options, show=show, legend=False, title=None)
    plan = dataclasses.replace(scene.plan, boxes=boxes)
    shown = dataclasses.replace(scene, plan=plan, options=options, parts=parts or {})
    return loose(shown)


def _movable(group: ET.Element, scene: Scene, box: Box, dx: float, dy: float) -> ET.Element:
    """Wrap a box so that it stands at the origin, with its role and its name."""
    if isinstance(box, Node):
        _mark(group, shape_and_type(box))
    elif box.calls:
        _mark(group, f"output {shape_and_type(box.result)}")
    outer = ET.Element("g", group.attrib | {"tabindex": "0", "role": "button"})
    outer.set("aria-label", printable(scene.title(box)))
    inner = ET.SubElement(outer, "g", transform=f"translate({dx:g} {dy:g})")
    inner.extend(list(group))
    return outer


def _mark(group: ET.Element, title: str) -> None:
    """Give the numbers of a box the class of what they are: value or gradient."""
    below, part = False, "value"
    for element in group:
        fill, stroke = (element.get(key, "").upper() for key in ("fill", "stroke"))
        text = element.text if element.tag == "text" else None
        if not below:
            below = text == title
            continue
        if text in ("value", "grad"):
            part = text
        if text is None and element.tag != "polyline" and stroke != "NONE":
            continue  # The line below the title.
        number = text is not None and text not in LABELS
        beside = fill == QUIET and number and text != "none yet"  # The scale of a map.
        of_gradient = GRADIENT in (fill, stroke) or (
            part == "grad" and (fill == ALARM or element.tag == "polygon" or beside)
        )
        element.set("class", f"{'number ' * number}{'grad' if of_gradient else 'value'}")


def _module(module: Module) -> dict[str, Any]:
    """Describe a module that can be folded."""
    return {
        "id": module.id,
        "title": module.title,
        "folded": module.folded_title,
        "remark": module.remark,
        "parent": module.parent,
        "boxes": sorted(module.boxes),
        "head": head_of(module),
    }
