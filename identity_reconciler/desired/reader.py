"""Bytes of one file to a tree of values with places, or the reasons why not.

A strict subset of YAML: mappings, lists and text. What two YAML parsers could read differently,
or what a reviewer could misread, is refused; `building` says what that is.
"""

from __future__ import annotations

from ruamel.yaml.error import MarkedYAMLError, YAMLError

from identity_reconciler.desired.building import EMPTY, TreeBuilder, UnreadableError
from identity_reconciler.desired.encoding import decode
from identity_reconciler.desired.parsing import event_source, has_libyaml, syntax_error
from identity_reconciler.desired.tree import START, Fields, Mark, Tree, position
from identity_reconciler.errors import Problem


def read(data: bytes, file: str, *, pure: bool = False, places: bool = True) -> Tree:
    """Return the tree of *data*; its problems name *file*.

    *pure* asks for the pure-Python parser even where libyaml is installed; the result is the same.
    Without *places*, a file that is in order is read faster, and its keys have no places.
    """
    text, problems = decode(data, file)
    if text is None:
        return Tree(file, None, tuple(problems))
    root, found = _build(text, pure=pure, places=places)
    if found and not places:
        root, found = _build(text, pure=pure, places=True)
    if root is None and not found:
        found = [(START, EMPTY)]
    return Tree(file, root, tuple(Problem(position(file, mark), said) for mark, said in found))


def _build(text: str, *, pure: bool, places: bool) -> tuple[Fields | None, list[tuple[Mark, str]]]:
    careful = pure or not has_libyaml() or "&" in text or "!" in text
    builder = TreeBuilder(event_source(text, pure=pure), careful=careful, places=places)
    try:
        return builder.root(), builder.found
    except MarkedYAMLError as error:
        return None, [*builder.found, syntax_error(error)]
    except YAMLError:
        return None, [*builder.found, (START, "the file is not valid YAML")]
    except UnreadableError:
        return None, builder.found
