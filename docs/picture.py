"""Draws docs/architecture.svg from the roles and the topics: `python -m docs`.

A role is a column, an agent or timer a box in it, a topic a straight line from those who write it
to those who read it. Only the order of the lines is chosen by hand; a topic that is not in it comes
last, in grey. All lengths are in pixels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from streams.wire.roles import Role
from streams.wire.topics import Topic

PICTURE = Path(__file__).with_name("architecture.svg")

# The lines from top to bottom. Blue: a request; green: a reaction; orange: training; grey: others.
BLUE, GREEN, ORANGE, GREY = "#1d5fbf", "#1a7f4b", "#b45309", "#64748b"
LINES: Mapping[str, str] = {
    "requests": BLUE,
    "classified": BLUE,
    "generations": BLUE,
    "candidates": BLUE,
    "recommendations": BLUE,
    "decisions": GREY,
    "progress": GREY,
    "cancellations": GREY,
    "feedback": GREEN,
    "training": ORANGE,
    "corrections": GREEN,
    "users": GREEN,
    "preferences": GREEN,
    "population": GREEN,
    "adapters": ORANGE,
}

MARGIN, PADDING, LETTER = 10, 6, 7.2  # of the picture; in frames and boxes; width of a letter
TOP, FIRST, STEP = 10, 56, 29  # of the frames; of the first line; from line to line
HALF, TABLE = 11, 36  # a box's height above its first line and below its last; a table's height
LEGEND = (
    "● writes   ▶ reads   ○ every worker of the role reads the whole topic",
    "solid box: agent   dashed box: timer   cylinder: table   "
    "what cannot be handled goes to &lt;topic&gt;.dlq",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who reads and writes topics: an agent or timer of a role, or the programs outside.

    Roles are counted from 1; the programs count as role 0.
    """

    name: str
    role: int
    reads: frozenset[str] = frozenset()
    writes: frozenset[str] = frozenset()
    is_timer: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """The place of an actor from left to right."""

    actor: Actor
    left: float
    right: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A role's frame and the boxes in it."""

    role: Role
    left: float
    right: float
    boxes: tuple[Box, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """Where a line meets a box, or the frame of a role that follows its topic."""

    left: float
    right: float
    reads: bool
    writes: bool
    is_ring: bool = False


def draw(roles: Sequence[Role], topics: Sequence[Topic]) -> str:
    """The picture as SVG; every role, agent, timer, table and topic has its place in it."""
    declared = {topic.name for topic in topics}
    order = [name for name in LINES if name in declared]
    order += [topic.name for topic in topics if topic.name not in LINES]
    heights = {name: FIRST + STEP * number for number, name in enumerate(order)}
    actors = list(_actors(roles, topics))
    gaps = {name: _gap(name, roles, actors) for name in order}
    programs = Box(actor=actors[0], left=MARGIN, right=MARGIN + 80)
    columns = _columns(roles, actors, heights, gaps, programs.right)
    bottom = FIRST + STEP * len(order) + TABLE
    return _document(
        columns[-1].right + MARGIN,
        bottom + 20 * len(LEGEND) + MARGIN,
        [
            _programs(programs, bottom),
            *(_frame(column, bottom) for column in columns),
            *(_line(name, heights[name], gaps[name], programs, columns) for name in order),
            *(_box(box, heights) for column in columns for box in column.boxes),
            *(_legend(words, bottom + 22 + 20 * line) for line, words in enumerate(LEGEND)),
        ],
    )


def _actors(roles: Sequence[Role], topics: Sequence[Topic]) -> Iterator[Actor]:
    """The programs, which read what no role reads, then the agents and timers of each role."""
    taken = {name for role in roles for name in (*role.reads, *role.follows)}
    yield Actor(
        name="your programs",
        role=0,
        reads=frozenset(topic.name for topic in topics) - taken,
        writes=frozenset(topic.name for topic in topics if topic.written_by_clients),
    )
    for number, role in enumerate(roles, 1):
        for agent in role.agents:
            reads, writes = frozenset({agent.reads}), frozenset(agent.writes)
            yield Actor(name=agent.name, role=number, reads=reads, writes=writes)
        if role.relays:
            reads, writes = frozenset(role.shows), frozenset(role.relays)
            yield Actor(name="door", role=number, reads=reads, writes=writes)
        for timer in role.timers:
            writes = frozenset(timer.writes)
            yield Actor(name=timer.name, role=number, writes=writes, is_timer=True)


def _gap(name: str, roles: Sequence[Role], actors: Iterable[Actor]) -> int:
    """The gap between columns in which a topic's name stands, counted from 0 after the programs.

    It is the first that its line crosses, or the one to the left of the only role that it touches.
    """
    touched = {actor.role for actor in actors if name in actor.reads | actor.writes}
    touched |= {number for number, role in enumerate(roles, 1) if name in role.follows}
    first = min(touched)
    return first if len(touched) > 1 else max(first - 1, 0)


def _columns(
    roles: Sequence[Role],
    actors: Sequence[Actor],
    heights: Mapping[str, int],
    gaps: Mapping[str, int],
    left: float,
) -> list[Column]:
    columns = []
    for number, role in enumerate(roles):
        names = [len(name) for name, gap in gaps.items() if gap == number]
        left += 4 * PADDING + LETTER * max(names, default=0)
        boxes, right = [], left + 2 * PADDING
        for lane in _lanes([each for each in actors if each.role == number + 1], heights):
            width = 2 * PADDING + LETTER * max(len(actor.name) for actor in lane)
            boxes += [Box(actor=actor, left=right, right=right + width) for actor in lane]
            right += width + 2 * PADDING
        columns.append(Column(role=role, left=left, right=right, boxes=tuple(boxes)))
        left = right
    return columns


def _lanes(actors: Iterable[Actor], heights: Mapping[str, int]) -> list[list[Actor]]:
    """The actors of a role: below each other, or side by side where they would overlap."""
    lanes: list[list[Actor]] = []
    for actor in actors:
        top, bottom = _reach(actor, heights)
        for lane in lanes:
            others = [_reach(each, heights) for each in lane]
            if all(lowest < top or bottom < highest for highest, lowest in others):
                lane.append(actor)
                break
        else:
            lanes.append([actor])
    return lanes


def _reach(actor: Actor, heights: Mapping[str, int]) -> tuple[int, int]:
    """The first and the last line of an actor."""
    lines = [heights[name] for name in actor.reads | actor.writes]
    return min(lines), max(lines)


def _ports(name: str, programs: Box, columns: Sequence[Column]) -> list[Port]:
    """Where the line of a topic meets boxes and frames, from left to right."""
    ports = [
        Port(
            left=box.left,
            right=box.right,
            reads=name in box.actor.reads,
            writes=name in box.actor.writes,
        )
        for box in (programs, *(box for column in columns for box in column.boxes))
        if name in box.actor.reads | box.actor.writes
    ]
    first = min((port.left for port in ports if port.writes), default=0.0)
    for column in columns:
        if name in column.role.follows:
            x = column.right if column.right < first else column.left
            ports.append(Port(left=x - 4, right=x + 4, reads=True, writes=False, is_ring=True))
    return sorted(ports, key=lambda port: port.left)


def _line(name: str, y: int, gap: int, programs: Box, columns: Sequence[Column]) -> str:
    """A topic's line, with its name, arrows into its readers and dots at its writers."""
    colour, ports = LINES.get(name, GREY), _ports(name, programs, columns)
    parts = []
    for number, (here, there) in enumerate(pairwise(ports), 1):
        left, right = ports[:number], ports[number:]
        onward = any(port.writes for port in left) and any(port.reads for port in right)
        back = any(port.reads for port in left) and any(port.writes for port in right)
        if onward or back:
            parts.append(f'<path d="M{here.right:.0f},{y} H{there.left:.0f}"/>')
        parts += _end(here, here.right, y, side=1, reads=back, writes=onward)
        parts += _end(there, there.left, y, side=-1, reads=onward, writes=back)
    for port in ports:
        if port.is_ring:
            x = (port.left + port.right) / 2
            parts.append(f'<circle cx="{x:.0f}" cy="{y}" r="4" fill="#fff"/>')
    width, weight = (2.4, "bold") if colour == BLUE else (1.5, "normal")
    x = ((columns[gap - 1] if gap else programs).right + columns[gap].left) / 2
    parts.append(_text(name, x, y - 6, f'stroke="none" font-weight="{weight}"'))
    return f'<g stroke="{colour}" fill="{colour}" stroke-width="{width}">{"".join(parts)}</g>'


def _end(port: Port, x: float, y: int, *, side: int, reads: bool, writes: bool) -> Iterator[str]:
    """An arrow into a reader or a dot at a writer, on its left (`side` -1) or its right (1)."""
    if port.reads and reads:
        yield f'<path d="M{x:.0f},{y} l{9 * side},-4.5 v9 z" stroke="none"/>'
    if port.writes and writes:
        yield f'<circle cx="{x:.0f}" cy="{y}" r="3" stroke="none"/>'


def _programs(box: Box, bottom: int) -> str:
    x, y = (box.left + box.right) / 2, (TOP + bottom) / 2
    words = enumerate(box.actor.name.split())
    names = (_text(word, x, y + 18 * line, 'font-weight="bold"') for line, word in words)
    return _rectangle(box.left, TOP, box.right, bottom, 'fill="#f1f5f9"') + "".join(names)


def _frame(column: Column, bottom: int) -> str:
    """The frame of a role, with its name above the boxes and its tables below them."""
    middle, tables = (column.left + column.right) / 2, column.role.tables
    first = middle - 48 * (len(tables) - 1)
    return (
        _rectangle(column.left, TOP, column.right, bottom, 'fill="#e3eefb"')
        + _text(column.role.name, middle, TOP + 20, 'font-size="15" font-weight="bold"')
        + "".join(_table(name, first + 96 * n, bottom - 24) for n, name in enumerate(tables))
    )


def _table(name: str, x: float, y: int) -> str:
    left, style = x - 44, 'fill="#fff" stroke="#475569"'
    return (
        f'<path d="M{left:.0f},{y - 10} v20 a44,5 0 0 0 88,0 v-20" {style}/>'
        f'<ellipse cx="{x:.0f}" cy="{y - 10}" rx="44" ry="5" {style}/>' + _text(name, x, y + 9)
    )


def _box(box: Box, heights: Mapping[str, int]) -> str:
    (top, bottom), timer = _reach(box.actor, heights), box.actor.is_timer
    style = 'fill="#fff" stroke-dasharray="4 3"' if timer else 'fill="#fff"'
    weight = "" if timer else 'font-weight="bold"'
    return _rectangle(box.left, top - HALF, box.right, bottom + HALF, style) + _text(
        box.actor.name, (box.left + box.right) / 2, (top + bottom) / 2 + 4, weight
    )


def _legend(words: str, y: int) -> str:
    style = 'text-anchor="start" font-size="12" fill="#475569" xml:space="preserve"'
    return _text(words, MARGIN + 2, y, style)


def _rectangle(left: float, top: int, right: float, bottom: int, style: str) -> str:
    return (
        f'<rect x="{left:.0f}" y="{top}" width="{right - left:.0f}" height="{bottom - top}" '
        f'rx="6" stroke="#475569" {style}/>'
    )


def _text(words: str, x: float, y: float, style: str = "") -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" {style}>{words}</text>'


def _document(width: float, height: int, parts: Iterable[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" '
        f'width="{width:.0f}" height="{height}" '
        'font-family="Helvetica, Arial, \'DejaVu Sans\', sans-serif" font-size="13" '
        'text-anchor="middle" fill="#1f2937" role="img" aria-label="Who reads and writes what">\n'
        f'<rect width="{width:.0f}" height="{height}" rx="8" fill="#fff"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )
