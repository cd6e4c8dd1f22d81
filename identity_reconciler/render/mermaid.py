"""A picture of changed access, person to group to application, where it is small enough to read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from identity_reconciler.render.document import PlanDocument
from identity_reconciler.render.escape import safe
from identity_reconciler.render.spans import clipped

MOST_EDGES = 20
"""More cannot be followed with the eye."""
_LONGEST = 40
"""Characters of a name in a node."""
_SHAPES = {"person": '(["{}"])', "group": '["{}"]', "application": '[["{}"]]'}
_ARROWS = {"loses": "-. loses .->", "gains": "== gains ==>"}
_THROUGH = "through "

Node = tuple[str, str]
"""A key of `_SHAPES`, and a name or an ARN."""


def access_picture(plan: PlanDocument) -> tuple[str, ...]:
    """Return the lines of a Mermaid flowchart; none when nothing changes or too much does."""
    if any(access.people > len(access.listed) for access in plan.access):
        return ()
    drawing = _Drawing()
    for start, arrow, end in _edges(plan):
        drawing.edges[f"{drawing.node(start)} {arrow} {drawing.node(end)}"] = None
        if len(drawing.edges) > MOST_EDGES:
            return ()
    if not drawing.edges:
        return ()
    names = {access.application_arn: access.application for access in plan.access}
    return ("flowchart LR", *drawing.lines(names))


@dataclass(slots=True)
class _Drawing:
    nodes: dict[Node, str] = field(default_factory=dict)
    edges: dict[str, None] = field(default_factory=dict)
    """In the order of their first mention, each once."""

    def node(self, node: Node) -> str:
        return self.nodes.setdefault(node, f"n{len(self.nodes)}")

    def lines(self, names: dict[str, str]) -> Iterator[str]:
        for (kind, name), node in self.nodes.items():
            shown = names.get(name, name) if kind == "application" else name
            yield f"    {node}{_SHAPES[kind].format(_label(shown))}"
        yield from (f"    {edge}" for edge in self.edges)


def _edges(plan: PlanDocument) -> Iterator[tuple[Node, str, Node]]:
    for access in plan.access:
        application = ("application", access.application_arn)
        arrow = _ARROWS[access.effect]
        for person in access.listed:
            start = ("person", person.user)
            for path in person.paths:
                if not path.startswith(_THROUGH):
                    yield start, arrow, application
                    continue
                group = ("group", path.removeprefix(_THROUGH))
                yield start, arrow, group
                yield group, "-->", application


def _label(name: str) -> str:
    """Return *name* with everything that Mermaid could read as its own as a character code."""
    shown = clipped(safe(name), _LONGEST)
    return "".join(one if one.isalnum() or one in " ._-" else f"#{ord(one)};" for one in shown)
