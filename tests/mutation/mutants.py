"""What can be wrong with a module: its mutants, each one small change of its syntax tree. Pure.

Left alone are docstrings, annotations, decorators, and texts that people read: those are for the
golden files and for reviewers. A string without a space is a name or a symbol, and is mutated.
"""

from __future__ import annotations

import ast
import copy
import difflib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import chain

_LEFT_ALONE = {"annotation", "returns", "decorator_list", "bases", "type_comment"}
_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
    ast.BitXor: ast.BitOr,
}
_TYPES = {"defaultdict", "dict", "frozenset", "int", "list", "set", "str", "tuple", "type"}
_FUNCTIONS = {"any": "all", "all": "any", "min": "max", "max": "min", "sorted": "list"}
_CONVERSIONS = {
    *("bool", "cast", "dict", "frozenset", "int", "iter", "len", "list", "map", "next", "print"),
    *("range", "repr", "set", "sorted", "str", "super", "tuple", "type", "any", "all", "field"),
    "assert_never",
}
"""Functions whose argument in place of their result is a mistake that any run shows."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A change of one node of a syntax tree, not yet made."""

    tree: ast.Module
    parent: ast.AST
    field: str
    place: int
    """In the field, where that is a list."""
    old: ast.AST
    new: ast.AST

    def source(self) -> str:
        """Return the changed module; the tree is as before afterwards."""
        self._put(self.new)
        changed = ast.unparse(ast.fix_missing_locations(self.tree))
        self._put(self.old)
        return changed

    def _put(self, node: ast.AST) -> None:
        holder = getattr(self.parent, self.field)
        if isinstance(holder, list):
            holder[self.place] = node
        else:
            setattr(self.parent, self.field, node)


@dataclass(frozen=True, slots=True)
class Mutant:
    """One small change of one module."""

    module: str
    """The file below the package, such as `core/planner.py`."""
    function: str
    """Names of classes and functions that the change is in, with dots; empty at the top level."""
    old: str
    """The piece of source that is replaced, on one line as `ast` writes it."""
    new: str
    number: int
    """Which one it is of those in the function that are the same in all else, from 1 on."""
    first_line: int
    """Of the statement that the change is in (of its head, where it has a body)."""
    last_line: int
    runs_on_import: bool
    """Whether the changed code runs when the module is imported, and not when a test calls it."""
    edit: Edit = field(repr=False, compare=False)

    @property
    def source(self) -> str:
        """The whole changed module."""
        return self.edit.source()

    @property
    def key(self) -> tuple[str, str, str, str, int]:
        """What it is known by when lines move."""
        return self.module, self.function, self.old, self.new, self.number

    def diff(self, original: str) -> str:
        """Return what differs from the module as it is, *original*, in unified form."""
        before, after = (
            ast.unparse(ast.parse(text)).splitlines() for text in (original, self.source)
        )
        lines = list(difflib.unified_diff(before, after, n=1, lineterm=""))[3:]
        return "\n".join(f"    {line}" for line in lines)


def mutants(module: str, source: str) -> list[Mutant]:
    """Return every mutant of *module*, in the order of the source."""
    tree = ast.parse(source)
    made = list(_Walk(module, tree, _called_on_import(tree)).found(tree))
    seen: Counter[tuple[str, str, str, str, int]] = Counter()
    numbered = []
    for mutant in made:
        seen[mutant.key] += 1
        numbered.append(replace(mutant, number=seen[mutant.key]))
    return numbered


def _called_on_import(tree: ast.Module) -> frozenset[str]:
    """Return the functions of the module that it calls outside functions, and those they call."""
    functions = {one.name: one for one in tree.body if isinstance(one, ast.FunctionDef)}
    outside = [one for one in tree.body if not isinstance(one, ast.FunctionDef | ast.ClassDef)]
    found: set[str] = set()
    reached: list[ast.AST] = [*outside]
    while reached:
        for node in ast.walk(reached.pop()):
            match node:
                case ast.Call(func=ast.Name(id=name)) if name in functions.keys() - found:
                    found.add(name)
                    reached.append(functions[name])
                case _:
                    pass
    return frozenset(found)


@dataclass(slots=True)
class _Walk:
    """Goes through a module, and knows where in it."""

    module: str
    tree: ast.Module
    called_on_import: frozenset[str]
    """Functions of the module whose bodies run on import."""
    scopes: tuple[str, ...] = ()
    lines: tuple[int, int] = (1, 1)
    outside: bool = True
    """Whether what is looked at runs on import."""

    def found(self, node: ast.AST) -> Iterator[Mutant]:
        """Yield every mutant of what is below *node*."""
        kept = self.scopes, self.lines, self.outside
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            self.scopes = (*self.scopes, node.name)
        for name, value in ast.iter_fields(node):
            if name in _LEFT_ALONE:
                continue
            # Defaults are computed where the function is defined, its body where it is called.
            is_body = isinstance(node, ast.FunctionDef) and name == "body"
            self.outside = kept[2] and (not is_body or self.scopes[-1] in self.called_on_import)
            for place, child in enumerate(value if isinstance(value, list) else [value]):
                if not isinstance(child, ast.AST) or _says_nothing(child):
                    continue
                self.lines = _lines(child) or self.lines
                for changed in _changes(child, node, name):
                    yield self._mutant(Edit(self.tree, node, name, place, child, changed))
                yield from self.found(child)
        self.scopes, self.lines, self.outside = kept

    def _mutant(self, edit: Edit) -> Mutant:
        return Mutant(
            self.module,
            ".".join(self.scopes),
            _text(edit.old),
            _text(edit.new),
            0,
            *self.lines,
            runs_on_import=self.outside,
            edit=edit,
        )


def _text(node: ast.AST) -> str:
    """Return *node* on one line; of a statement with a body, its head."""
    return ast.unparse(node).strip().split("\n")[0]


def _lines(node: ast.AST) -> tuple[int, int] | None:
    """Return the lines of a statement or case, without its body; None for parts of them."""
    match node:
        case ast.match_case(pattern=pattern, body=[first, *_]):
            return pattern.lineno, max(pattern.lineno, first.lineno - 1)
        case ast.Match(lineno=start, cases=[first_case, *_]):
            return start, max(start, first_case.pattern.lineno - 1)
        case ast.stmt(lineno=start, end_lineno=end):
            body = getattr(node, "body", None)
            return start, max(start, body[0].lineno - 1 if body else end or start)
        case _:
            return None


def _says_nothing(node: ast.AST) -> bool:
    """Return whether *node* does nothing, or speaks to the type checker only."""
    match node:
        case (
            ast.Expr(value=ast.Constant() | ast.Call(func=ast.Name(id="assert_never")))
            | ast.Call(func=ast.Name(id="NewType" | "TypeVar"))
            | ast.Assign(targets=[ast.Name(id="__all__")])
        ):
            return True
        case ast.Assign(value=ast.BinOp() as value) | (ast.Subscript() as value):
            return _is_type(value)
        case ast.match_case(pattern=ast.MatchAs(pattern=None), guard=None, body=[only]):
            # Where no case fits, nothing is done and nothing returned.
            return ast.unparse(only) in {"pass", "return", "return None"} or _says_nothing(only)
        case _:
            return False


def _is_type(node: ast.AST) -> bool:
    match node:
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _is_type(left) and _is_type(right)
        case ast.Subscript(value=value):
            return _is_type(value)
        case ast.Name(id=name):
            return name in _TYPES or (name[0].isupper() and not name.isupper())
        case _:
            return False


def _changes(node: ast.AST, parent: ast.AST, name: str) -> Iterator[ast.AST]:
    """Yield everything that can stand in place of *node*, a part *name* of *parent*, by mistake."""
    match node:
        case ast.Constant():
            yield from _constants(node, parent)
        case ast.Compare() | ast.BoolOp() | ast.UnaryOp(op=ast.Not()):
            yield from _truths(node)
        case ast.BinOp():
            yield from _operations(node)
        case ast.Call():
            yield from _calls(node)
        case ast.Tuple() | ast.List() if name not in {"slice", "targets"}:
            yield from _displays(node)
        case _:
            yield from chain(_parts(node), _statements(node), _conditions(node))


def _constants(node: ast.Constant, parent: ast.AST) -> Iterator[ast.AST]:
    match node.value:
        case bool():
            yield ast.Constant(not node.value)
        case int():
            yield ast.Constant(node.value + 1)
        case str() if not isinstance(parent, ast.JoinedStr) and " " not in node.value:
            yield ast.Constant(node.value + "X")
        case _:
            pass


def _truths(node: ast.Compare | ast.BoolOp | ast.UnaryOp) -> Iterator[ast.AST]:
    match node:
        case ast.Compare(left=left, ops=ops, comparators=others):
            for place, operator in enumerate(ops):
                swapped = [*ops[:place], _COMPARISONS[type(operator)](), *ops[place + 1 :]]
                yield ast.Compare(left, swapped, others)
        case ast.BoolOp(op=operator, values=values):
            yield ast.BoolOp(ast.And() if isinstance(operator, ast.Or) else ast.Or(), values)
            for place in range(len(values)):
                fewer = [*values[:place], *values[place + 1 :]]
                yield ast.BoolOp(operator, fewer) if len(fewer) > 1 else fewer[0]
        case ast.UnaryOp(operand=operand):
            yield operand


def _operations(node: ast.BinOp) -> Iterator[ast.AST]:
    if not (isinstance(node.right, ast.Name) and node.right.id[0].isupper()):  # A union of types.
        yield ast.BinOp(node.left, _OPERATORS[type(node.op)](), node.right)
    if isinstance(node.op, ast.BitOr | ast.BitAnd | ast.BitXor | ast.Sub | ast.Add):
        yield node.left
        yield node.right


def _calls(node: ast.Call) -> Iterator[ast.AST]:
    for place in range(len(node.keywords)):
        fewer = [*node.keywords[:place], *node.keywords[place + 1 :]]
        yield ast.Call(node.func, node.args, fewer)
    match node:
        case ast.Call(func=ast.Name(id=name)) if name in _FUNCTIONS:
            keywords = [] if name == "sorted" else node.keywords
            yield ast.Call(ast.Name(_FUNCTIONS[name], ast.Load()), node.args, keywords)
        case ast.Call(func=ast.Name(id=name), args=[argument], keywords=[]) if (
            name[0].islower() and name not in _CONVERSIONS and not isinstance(argument, ast.Starred)
        ):
            yield argument
        case ast.Call(func=ast.Attribute(value=value, attr=attr), args=[], keywords=[]):
            if attr != "keys":  # A mapping stands for its keys.
                yield value
        case _:
            pass


def _parts(node: ast.AST) -> Iterator[ast.AST]:
    changed = copy.copy(node)
    match changed:
        case ast.comprehension(ifs=ifs):
            for place in range(len(ifs)):
                fewer = copy.copy(changed)
                fewer.ifs = [*ifs[:place], *ifs[place + 1 :]]
                yield fewer
        case ast.For():
            changed.iter = ast.Tuple([], ast.Load())
            yield changed
        case ast.match_case(guard=guard):
            changed.guard = ast.Constant(value=False)
            yield changed
            if guard is not None:
                unguarded = copy.copy(changed)
                unguarded.guard = None
                yield unguarded
        case ast.Slice(lower=lower, upper=upper):
            ends = ((None, upper), (lower, None))
            yield from (ast.Slice(*pair) for pair in ends if pair != (lower, upper))
        case _:
            pass


def _displays(node: ast.Tuple | ast.List) -> Iterator[ast.AST]:
    for place in range(len(node.elts) if isinstance(node.ctx, ast.Load) else 0):
        yield type(node)([*node.elts[:place], *node.elts[place + 1 :]], node.ctx)


def _conditions(node: ast.AST) -> Iterator[ast.AST]:
    """Yield *node* with its condition negated, where no operator in it is swapped anyway."""
    match node:
        case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test):
            if not isinstance(test, ast.Compare | ast.BoolOp | ast.UnaryOp):
                changed = copy.copy(node)
                changed.test = ast.UnaryOp(ast.Not(), test)
                yield changed
        case _:
            pass


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.Expr() | ast.AugAssign() | ast.Raise():
            yield ast.Pass()
        case ast.Continue():
            yield ast.Break()
        case ast.Break():
            yield ast.Continue()
        case _:
            pass
