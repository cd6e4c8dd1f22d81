"""A picture of changed access, person to group to application, where it is small enough to read."""

from __future__ import annotations

from dataclasses import dataclass, field

from identity_reconciler.render.document import AccessDocument, PlanDocument
from identity_reconciler.render.escape import safe
from identity_reconciler.render.spans import clipped
from identity_reconciler.render.words import THROUGH, together

MOST_EDGES = 20
"""More cannot be followed with the eye."""
_MOST_NAMED = 4
"""People named in a node; the others are counted."""
_LONGEST = 40
"""Characters of a name in a node."""
_SHAPES = {"people": '(["{}"])', "group": '["{}"]', "application": '[["{}"]]'}
_ARROWS = {"loses": "-. loses .->", "gains": "== gains ==>"}


def access_picture(plan: PlanDocument) -> tuple[str, ...]:
    """Return the lines of a Mermaid flowchart; none when nothing changes or too much does.

    A group has a node for each application it leads to: were it one node, the picture would say
    that whoever loses it for one application loses it for all.
    """
    if any(access.people > len(access.listed) for access in plan.access):
        return ()
    drawing = _Drawing()
    for access in plan.access:
        drawing.add(access)
        if len(drawing.edges) > MOST_EDGES:
            return ()
    return ("flowchart LR", *drawing.lines, *drawing.edges) if drawing.edges else ()


@dataclass(slots=True)
class _Drawing:
    nodes: dict[tuple[str, ...], str] = field(default_factory=dict)
    """The identifier of each node, by what it stands for."""
    lines: list[str] = field(default_factory=list)
    """What each node looks like."""
    edges: dict[str, None] = field(default_factory=dict)
    """In the order of their first mention, each once."""

    def add(self, access: AccessDocument) -> None:
        arn, arrow = access.application_arn, _ARROWS[access.effect]
        application = self._node(access.application, "application", arn)
        for paths, names in together(access).items():
            start = self._node(_people(names), "people", access.effect, arn, *paths)
            for path in paths:
                if not path.startswith(THROUGH):
                    self._edge(start, arrow, application)
                    continue
                group = self._node(path.removeprefix(THROUGH), "group", arn, path)
                self._edge(start, arrow, group)
                self._edge(group, "-->", application)

    def _node(self, name: str, kind: str, *parts: str) -> str:
        """Return the identifier of the node of *kind* that *parts* tell from others."""
        key = (kind, *parts)
        if key not in self.nodes:
            self.nodes[key] = f"n{len(self.nodes)}"
            self.lines.append(f"    {self.nodes[key]}{_SHAPES[kind].format(_label(name))}")
        return self.nodes[key]

    def _edge(self, start: str, arrow: str, end: str) -> None:
        self.edges[f"    {start} {arrow} {end}"] = None


def _people(names: list[str]) -> str:
    shown = [clipped(safe(name), _LONGEST) for name in names[:_MOST_NAMED]]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _label(name: str) -> str:
    """Return *name* with everything that Mermaid could read as its own as a character code."""
    shown = clipped(safe(name), _MOST_NAMED * _LONGEST)
    return "".join(one if one.isalnum() or one in " .,_-" else f"#{ord(one)};" for one in shown)
