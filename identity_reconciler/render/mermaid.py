"""A picture of changed access, person to group to target, where it is small enough to read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from identity_reconciler.render.document import PlanDocument
from identity_reconciler.render.escape import safe
from identity_reconciler.render.people import THROUGH, AccessTarget, Crowd, people_of
from identity_reconciler.render.spans import clipped

MOST_EDGES = 30
"""More cannot be followed with the eye."""
_LONGEST = 60
"""Characters of a name in a node."""
_SHAPES = {"person": '(["{}"])', "group": '["{}"]', "target": '[["{}"]]'}
_ARROWS = {"loses": "-. loses .->", "gains": "== gains ==>"}


def access_picture(plan: PlanDocument) -> tuple[str, ...]:
    """Return the lines of a Mermaid flowchart; none when nothing changes or too much does.

    Everybody has one node. A group has a node for each set of what is gained, or lost, through
    it: were it one node, the picture would say that whoever loses it for one application loses it
    for all.
    """
    people = people_of(plan)
    drawing = _Drawing()
    for party in (*people.joins, *people.moves, *people.leaves):
        if len(party.people) > MOST_EDGES:
            return ()
        for name in party.people:
            drawing.add(name, party.targets)
    for crowd in people.crowds:
        if crowd.count > min(len(crowd.people), MOST_EDGES):
            return ()
    for name, targets in _by_person(people.crowds):
        drawing.add(name, targets)
    if not 0 < len(drawing.edges) <= MOST_EDGES:
        return ()
    return ("flowchart LR", *drawing.lines, *drawing.edges)


def _by_person(crowds: tuple[Crowd, ...]) -> Iterator[tuple[str, list[AccessTarget]]]:
    """Yield everybody in *crowds* once."""
    found: dict[str, list[AccessTarget]] = {}
    for crowd in crowds:
        for name in crowd.people:
            found.setdefault(name, []).append(crowd.target)
    yield from found.items()


@dataclass(slots=True)
class _Drawing:
    nodes: dict[object, str] = field(default_factory=dict)
    """The identifier of each node, by what it stands for."""
    lines: list[str] = field(default_factory=list)
    """What each node looks like."""
    edges: dict[str, None] = field(default_factory=dict)
    """In the order of their first mention, each once."""

    def add(self, name: str, targets: Sequence[AccessTarget]) -> None:
        """Draw what the person called *name* gains and loses."""
        ways: dict[tuple[str, str], list[AccessTarget]] = {}
        for target in targets:
            for path in target.paths:
                ways.setdefault((target.effect, path), []).append(target)
        for (effect, path), reached in ways.items():
            person = self._node(name, "person", name)
            ends = [self._target(target) for target in reached]
            if path.startswith(THROUGH):
                group = self._node(path.removeprefix(THROUGH), "group", effect, path, *ends)
                self._edge(person, _ARROWS[effect], group)
                for end in ends:
                    self._edge(group, "-->", end)
            else:
                for end in ends:
                    self._edge(person, _ARROWS[effect], end)

    def _target(self, target: AccessTarget) -> str:
        where = f" in {target.account}" if target.account else ""
        return self._node(f"{target.name}{where}", "target", target.arn, target.account)

    def _node(self, name: str, kind: str, *parts: str) -> str:
        """Return the identifier of the node of *kind* that *parts* tell from others."""
        key = (kind, *parts)
        if key not in self.nodes:
            self.nodes[key] = f"n{len(self.nodes)}"
            self.lines.append(f"    {self.nodes[key]}{_SHAPES[kind].format(_label(name))}")
        return self.nodes[key]

    def _edge(self, start: str, arrow: str, end: str) -> None:
        self.edges[f"    {start} {arrow} {end}"] = None


def _label(name: str) -> str:
    """Return *name* with everything that Mermaid could read as its own as a character code."""
    shown = clipped(safe(name), _LONGEST)
    return "".join(one if one.isalnum() or one in " .,_-" else f"#{ord(one)};" for one in shown)
