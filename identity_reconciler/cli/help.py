"""Help that fits the terminal: commands by what they are for, values by what they mean."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

if TYPE_CHECKING:
    # Typer keeps what its commands are made of to itself.
    Context = Any
    Formatter = Any
    Given = Any

_WORDS: dict[object, str] = {int: "N", float: "N", Path: "FILE"}
"""How a value is called that no metavar names, where its name does not say it, by its type."""


class Commands(typer.Typer):
    """A group of commands whose help reads well; with no arguments it prints that help."""

    def __init__(self, purpose: str | None = None, **more: Any) -> None:  # noqa: ANN401 - Typer's
        if purpose is not None:
            more["help"] = purpose
        super().__init__(cls=HelpfulGroup, no_args_is_help=True, **more)

    def command(self, name: str | None = None, **more: Any) -> Callable[..., Any]:  # noqa: ANN401
        """See Typer. The command has the option `--quiet` as well."""
        register: Callable[..., Any] = super().command(name, cls=HelpfulCommand, **more)

        def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
            register(_with_quiet(function))
            return function

        return decorate


_Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Say nothing on stderr but what went wrong.")
]


def _with_quiet(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return *function* as a command that can be told to be quiet."""

    @wraps(function)
    def command(*arguments: Any, quiet: bool, **options: Any) -> Any:  # noqa: ANN401 - as it is
        if not quiet:
            return function(*arguments, **options)
        from identity_reconciler.cli.output import hushed

        with hushed():
            return function(*arguments, **options)

    own = signature(function, eval_str=True).parameters.values()
    option = Parameter("quiet", Parameter.KEYWORD_ONLY, default=False, annotation=_Quiet)
    return taking(command, (*own, option))


def taking(command: Callable[..., Any], parameters: Iterable[Parameter]) -> Callable[..., Any]:
    """Return *command* such that Typer gives it *parameters*, each by its name."""
    named = [one.replace(kind=Parameter.KEYWORD_ONLY) for one in parameters]
    # Typer reads the signature for names and defaults, the annotations for types and help.
    vars(command)["__signature__"] = Signature(named)
    command.__annotations__ = {one.name: one.annotation for one in named}
    return command


class _Helpful:
    """What the help of a command says of its arguments and options."""

    if TYPE_CHECKING:
        get_params: Callable[[Context], list[Given]]

    def collect_usage_pieces(self, ctx: Context) -> list[str]:
        """Return what follows the name of the command."""
        return ["[OPTIONS]", *(_usage(one) for one in self.get_params(ctx) if _is_argument(one))]

    def format_options(self, ctx: Context, formatter: Formatter) -> None:
        """Write what may be given, in two columns."""
        shown = [one for one in self.get_params(ctx) if not one.hidden]
        for title, of_arguments in (("Arguments", True), ("Options", False)):
            rows = [_row(one, ctx) for one in shown if _is_argument(one) is of_arguments]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)


class HelpfulCommand(_Helpful, TyperCommand):
    """A command; see `Commands`."""


class HelpfulGroup(_Helpful, TyperGroup):
    """A group of commands; see `Commands`."""

    def collect_usage_pieces(self, ctx: Context) -> list[str]:
        """Return what follows the name of the group."""
        del ctx
        return ["[OPTIONS]", "COMMAND ..."]

    def format_options(self, ctx: Context, formatter: Formatter) -> None:
        """Write the commands before the options: they are what is looked for."""
        self.format_commands(ctx, formatter)
        super().format_options(ctx, formatter)

    def format_commands(self, ctx: Context, formatter: Formatter) -> None:
        """Write the commands, each with its first sentence, under what they are for."""
        del ctx
        groups: dict[str, list[tuple[str, str]]] = {}
        for name, one in self.commands.items():
            if not one.hidden:
                panel = getattr(one, "rich_help_panel", None)
                title = panel if isinstance(panel, str) else "Commands"
                groups.setdefault(title, []).append((name, _first_sentence(one.help or "")))
        width = max(len(name) for rows in groups.values() for name, _ in rows)
        for title, rows in groups.items():
            with formatter.section(title):
                formatter.write_dl([(f"{name:<{width}}", said) for name, said in rows])

    def format_epilog(self, ctx: Context, formatter: Formatter) -> None:
        """Write a table, if there is one: a line for each row, its columns parted by a tab."""
        del ctx
        if self.epilog:
            title, *rows = self.epilog.splitlines()
            with formatter.section(title):
                formatter.write_dl([_pair(row) for row in rows])


def _pair(row: str) -> tuple[str, str]:
    first, _, second = row.partition("\t")
    return first, second


def _first_sentence(text: str) -> str:
    paragraph = " ".join(text.partition("\n\n")[0].split())
    for end in (". ", "? "):
        before, found, _ = paragraph.partition(end)
        if found:
            paragraph = before + end.strip()
    return paragraph.removesuffix(".")


def _is_argument(parameter: Given) -> bool:
    return isinstance(parameter, TyperArgument)


def _usage(argument: Given) -> str:
    name = f"{_value(argument)}{'...' if argument.nargs == -1 else ''}"
    return name if argument.required else f"[{name}]"


def _row(parameter: Given, ctx: Context) -> tuple[str, str]:
    """Return what *parameter* is called with its value, and what there is to say about it."""
    if _is_argument(parameter):
        name = _value(parameter)
    else:
        name = ", ".join(sorted((*parameter.opts, *parameter.secondary_opts), key=len))
        if not getattr(parameter, "is_flag", False) and not getattr(parameter, "count", False):
            name = f"{name} {_value(parameter)}"
    notes = "; ".join(_notes(parameter, ctx))
    said = parameter.help or ""
    return name, f"{said}  [{notes}]".strip() if notes else said


def _value(parameter: Given) -> str:
    """Return what stands for the value of *parameter*."""
    kind = parameter.type_descriptor.annotation
    if isinstance(kind, type) and issubclass(kind, Enum):
        return "|".join(str(one.value) for one in kind)
    if parameter.metavar:
        return str(parameter.metavar)
    name = str(parameter.name)
    if _is_argument(parameter):
        return name.upper()
    return _WORDS.get(kind, name.rpartition("_")[2].upper())


def _notes(parameter: Given, ctx: Context) -> Iterator[str]:
    if isinstance(parameter, TyperOption | TyperArgument):
        default = parameter._extract_default_help_str(ctx=ctx)  # noqa: SLF001 - as Typer's own help
        if default not in {None, False, True} and parameter.show_default and default != []:
            yield f"default: {getattr(default, 'value', default)}"
    if parameter.envvar and getattr(parameter, "show_envvar", True):
        yield f"environment: {parameter.envvar}"
    if parameter.required:
        yield "required"
