"""Long computations in rows, like text: which boxes are in which row, and how large boxes are.

Each row is laid out on its own, from left to right. A value that a later row uses is mentioned
there, so no arrow runs from row to row. Rows are chosen so that they are as wide as there is room,
with little to mention, modules whole, and low together.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from xml.etree import ElementTree as ET

from autograd_lite.draw.clusters import Cluster, Loop
from autograd_lite.draw.style import TEXT
from autograd_lite.draw.text_width import width_of

STRETCH = 1.2
"""How much wider than the room a row may be: it is shrunk then, to type of 9 points at least."""
ACROSS, DOWN, FRAME = 29, 22, 24  # Points between boxes, and for both sides of a frame.
MARGIN = 24  # Of a row, on both sides.
HEAD = 45  # The height of what is written on a frame, and of its margins.
PASSING = (14.0, 0.0)  # The room of an arrow that passes by.
MENTION, BROKEN, NEW, LONELY = 60, 90, 40, 80
"""What a mention, a frame that goes on in the next row, a row, and one with a single result cost,
in points of height."""
UPRIGHT = 1.5  # How much higher than wide a picture of a single column may be, to save mentions.
LONGEST = 40  # Computed boxes in a row.

Size = tuple[float, float]


@dataclass
class Rows:
    """Boxes, and what is known about them."""

    sizes: Mapping[str, Size]  # Width and height of each box, in the order of computation,
    mentioned: Mapping[str, Size]  # and those of its mention in another row.
    edges: Sequence[tuple[str, str]]  # The arrows between them.
    many: Collection[tuple[str, str]]  # Arrows that come from a mention wherever they are.
    clusters: Sequence[Cluster]  # The frames.
    on_edges: Mapping[tuple[str, str], float]  # The widths of what stands on arrows.
    beside: Mapping[str, str]  # Boxes that stand below others.
    levelled: Collection[str]  # Leaves that stand above or below their only use.

    def __post_init__(self) -> None:
        sizes = self.sizes
        self.operands: dict[str, list[str]] = {key: [] for key in sizes}
        self.users: dict[str, list[str]] = {key: [] for key in sizes}
        for start, end in self.edges:
            self.operands[end].append(start)
            self.users[start].append(end)
        self.apart: dict[str, list[str]] = {key: [] for key in sizes}
        for start, end in self.many:
            self.apart[end].append(start)
        self.leaves = {key for key in sizes if not self.operands[key] and not self.apart[key]}
        self.frames: dict[str, list[Cluster]] = {key: [] for key in sizes}
        for cluster in (inner for outer in self.clusters for inner in outer.walk()):
            for key in cluster.members:
                self.frames[key].append(cluster)
        self.below = {low: high for high, low in self.beside.items()}
        self.units = self._units()

    def _units(self) -> list[list[str]]:
        """Return what stays together: a result, with the leaves that it is the first to use."""
        order = {key: i for i, key in enumerate(self.sizes)}
        made = [
            key for key in self.sizes
            if (key not in self.leaves or not self.users[key]) and key not in self.below
        ]  # fmt: skip
        unit_of = {key: [key] for key in made}
        owner = {key: key for key in made}
        leaves = [key for key in self.sizes if key not in owner and key not in self.below]
        for key in leaves:
            users = [x for x in self.users[key] if x in unit_of]
            owner[key] = min(users, key=order.__getitem__) if users else made[-1]
            unit_of[owner[key]].insert(0, key)
        for key in self.sizes:
            if key in self.below:
                owner[key] = owner.get(self.below[key], made[-1])
                unit_of[owner[key]].append(key)
        return [unit_of[key] for key in made]

    def chosen(self, room: float) -> list[list[str]]:
        """Return the boxes of each row; a single row, if that has room."""
        whole = [key for unit in self.units for key in unit]
        if self.extent(whole)[0] <= STRETCH * room:
            return [list(self.sizes)]
        units = self._fitting(room)
        costs = [0.0]
        starts = [0]
        for stop in range(1, len(units) + 1):
            best, start = float("inf"), stop - 1
            for first in range(stop - 1, max(-1, stop - 1 - LONGEST), -1):
                row = [key for unit in units[first:stop] for key in unit]
                width, height = self.extent(row)
                if width > STRETCH * room and first < stop - 1:
                    break
                cost = costs[first] + height + self._broken(units, first, stop)
                if cost < best:
                    best, start = cost, first
            costs.append(best)
            starts.append(start)
        cuts = [len(units)]
        while cuts[-1]:
            cuts.append(starts[cuts[-1]])
        order = {key: i for i, key in enumerate(self.sizes)}
        return [
            sorted((key for unit in units[a:b] for key in unit), key=order.__getitem__)
            for a, b in pairwise(reversed(cuts))
        ]

    def upright(self, row: Sequence[str], room: float) -> bool:
        """Return whether a row is too wide beside its mentions, and so gets them above it."""
        computed = [key for key in row if key not in self.leaves]
        return len(computed) == 1 and self.extent(row)[0] > STRETCH * room

    def _fitting(self, room: float) -> list[list[str]]:
        """Return what stays together where there is room for it, else its leaves one by one."""
        fitting: list[list[str]] = []
        for unit in self.units:
            leaves = [key for key in unit if key in self.leaves and key not in self.below]
            if len(unit) > 1 and self.extent(unit)[0] > STRETCH * room:
                fitting += [[key] for key in leaves]
                unit = [key for key in unit if key not in leaves]
            fitting += [unit] if unit else []
        return fitting

    def reads_down(self, rows: Sequence[Sequence[str]], room: float) -> bool:
        """Return whether all fits from top to bottom, in less height than rows take.

        If it is not much higher than wide, what rows have to mention counts too.
        """
        width, height = self.extent(list(self.sizes), down=True)
        stacked = sum(self.extent(row)[1] + NEW for row in rows)
        if height <= UPRIGHT * room:
            stacked += MENTION * sum(len(self._strange(row)) for row in rows)
        return width <= STRETCH * room and height < stacked

    def extent(self, row: Sequence[str], *, down: bool = False) -> Size:
        """Estimate width and height of a row: boxes of one rank stand in a column.

        With `down`, ranks follow each other from top to bottom.
        """
        here = set(row)
        levelled = () if down else self.levelled
        ranks: dict[str, int] = {}
        mentions: dict[tuple[str, str], int] = {}  # And beside what, if not for the whole row.
        labels: dict[int, float] = {}
        for key in row:
            inside = [x for x in self.operands[key] if x in here and x in ranks]
            strange = [x for x in self.operands[key] if x not in here]
            rank = max((ranks[x] + 1 for x in inside if x not in self.leaves), default=0)
            if key in self.below and self.below[key] in ranks:
                rank = ranks[self.below[key]]
            ranks[key] = rank
            mentions.update({(x, key): rank - 1 for x in self.apart[key]})
            for x in strange:
                mentions.setdefault((x, ""), rank - 1)
            for x in self.operands[key]:
                labels[rank] = max(labels.get(rank, 0.0), self.on_edges.get((x, key), 0.0))
        for key in row:
            if key in self.leaves and key not in self.below:
                users = [x for x in self.users[key] if x in here]
                users = [x for x in users if x not in self.below] or users
                first = min((*ranks.values(), *mentions.values()))
                rank = min((ranks[x] - (key not in levelled) for x in users), default=first)
                ranks[key] = rank - any(self._stands_before(key, x, levelled) for x in users)
        ranks.update({low: ranks[high] for low, high in self.below.items() if {low, high} <= here})
        columns: dict[int, list[Size]] = {}
        for key in row:
            columns.setdefault(ranks[key], []).append(self.sizes[key])
            for x in self.operands[key] if down else ():
                for rank in range(ranks.get(x, ranks[key]) + 1, ranks[key]):
                    columns.setdefault(rank, []).append(PASSING)
        for (key, _), rank in mentions.items():
            columns.setdefault(rank, []).append(self.mentioned[key])
        depth = max((len(self.frames[key]) for key in row), default=0)
        entered = len({cluster.id for key in row for cluster in self.frames[key]})
        gaps = ACROSS * (len(columns) - 1)
        if down:
            width = max(sum(w + DOWN for w, _ in column) for column in columns.values())
            height = sum(max(h for _, h in column) for column in columns.values())
            width += max(labels.values(), default=0) + FRAME * depth
            return width + MARGIN, height + gaps + HEAD * entered
        width = sum(max(w for w, _ in column) for column in columns.values())
        height = max(sum(h + DOWN for _, h in column) for column in columns.values())
        width += gaps + sum(labels.values()) + FRAME * min(entered, 2 * depth)
        return width + MARGIN, height + HEAD * depth

    def _stands_before(self, leaf: str, user: str, levelled: Collection[str]) -> bool:
        """Return whether a leaf outside of a frame stands before what is given inside of it."""
        frames = [cluster.id for cluster in self.frames[user]]
        within = {cluster.id for cluster in self.frames[leaf]}
        return bool(within.symmetric_difference(frames)) and any(
            x in self.leaves and x not in levelled
            and [cluster.id for cluster in self.frames[x]] == frames
            for x in self.operands[user]
        )  # fmt: skip

    def _broken(self, units: Sequence[Sequence[str]], first: int, stop: int) -> float:
        """Return what it costs to end a row: mentions of what it uses, and frames that go on."""
        strange = self._strange([key for unit in units[first:stop] for key in unit])
        cost = float(MENTION * len(strange) + NEW + LONELY * (stop - first == 1))
        if stop < len(units):
            here, there = (
                {cluster.id: cluster for cluster in self.frames[units[i][-1]]}
                for i in (stop - 1, stop)
            )
            for key in here.keys() & there.keys():
                cost += BROKEN * (3 if isinstance(here[key].call, Loop) else 1)
        return cost

    def _strange(self, row: Sequence[str]) -> set[str]:
        """Return what a row uses and has to mention."""
        return {x for key in row for x in self.operands[key]}.difference(row)


# ------------------------------------------------------------------ sizes

LINE = 1.2  # The height of a line of text, in sizes of type.


def label_size(label: str) -> Size:
    """Return width and height of a label, in points; as Graphviz lays tables out."""
    return _table(ET.fromstring(label[1:-1] if label[:2] == "<<" else label))


def _table(table: ET.Element) -> Size:
    border, gap = (_number(table, key) for key in ("BORDER", "CELLSPACING"))
    padding = _number(table, "CELLPADDING")
    widths: list[float] = []
    height = 2 * border + gap
    for line in table:
        if line.tag == "HR":
            height += 1
            continue
        tallest = 0.0
        for i, cell in enumerate(line):
            width, tall = _cell(cell, padding)
            widths += [0.0] * (i + 1 - len(widths))
            widths[i] = max(widths[i], width)
            tallest = max(tallest, tall)
        height += tallest + gap
    return sum(widths) + gap * (len(widths) + 1) + 2 * border, height


def _cell(cell: ET.Element, padding: float) -> Size:
    inner = cell.find("TABLE")
    width, height = _text(cell, TEXT, False) if inner is None else _table(inner)
    around = 2 * (float(cell.get("CELLPADDING", padding)) + _number(cell, "BORDER"))
    return (
        max(width + around, _number(cell, "WIDTH")),
        max(height + around, _number(cell, "HEIGHT")),
    )


def _text(element: ET.Element, size: float, bold: bool) -> Size:
    """Return the size of the one line of text that is in an element."""
    size, bold = float(element.get("POINT-SIZE", size)), bold or element.tag == "B"
    texts = [element.text or "", *(part.tail or "" for part in element)]
    width = sum(width_of(text, size, bold=bold) for text in texts if text)
    height = LINE * size if any(texts) else 0.0
    for part in element:
        more, tall = _text(part, size, bold)
        width, height = width + more, max(height, tall)
    return width, height


def _number(element: ET.Element, key: str) -> float:
    return float(element.get(key, 0))
