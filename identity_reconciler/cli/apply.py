"""`apply`: make it so. Plans, asks, writes to AWS, and looks again."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from identity_reconciler.cli.options import (
    DEFAULT_DIRECTORY,
    Color,
    ColorChoice,
    Directory,
    EndpointUrl,
    UseSandbox,
)
from identity_reconciler.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from identity_reconciler.cli.connection import Target
    from identity_reconciler.declared import Declared


def apply(
    directory: Directory = DEFAULT_DIRECTORY,
    sandbox: UseSandbox = False,
    endpoint_url: EndpointUrl = None,
    auto_approve: Annotated[
        bool, typer.Option("--auto-approve", help="Do not ask before writing.")
    ] = False,
    color: ColorChoice = Color.AUTO,
) -> int:
    """Plan, ask, and carry the plan out. Can be stopped and run again at any point."""
    from identity_reconciler.cli.connection import Target
    from identity_reconciler.cli.loading import load_all

    target = Target(sandbox, endpoint_url)
    if not auto_approve and not sys.stdin.isatty():
        raise UsageError(
            "apply asks before it writes, and there is no terminal to ask on; "
            "review the plan and give --auto-approve"
        )
    for declared in load_all(directory):
        code = _apply_one(declared, target, auto_approve=auto_approve, color=color)
        if code is not ExitCode.SUCCESS:
            return code
    return ExitCode.SUCCESS


def _apply_one(declared: Declared, target: Target, *, auto_approve: bool, color: Color) -> ExitCode:
    from identity_reconciler.cli.connection import connected
    from identity_reconciler.cli.execution import Execution
    from identity_reconciler.cli.output import print_changes
    from identity_reconciler.cli.planning import make_plan
    from identity_reconciler.render.text import plan_text

    with connected(declared, target, write=True) as gateway:
        plan, document = make_plan(declared, gateway)
        print_changes(plan_text(document), color)
        if not plan:
            return ExitCode.SUCCESS
        if not auto_approve and not _approved():
            typer.echo("nothing was changed", err=True)
            return ExitCode.SUCCESS
        return Execution(declared, gateway, color).run(plan)


def _approved() -> bool:
    answer: str = typer.prompt(
        'Apply these changes? Only "yes" is accepted', default="no", show_default=False, err=True
    )
    return answer.strip() == "yes"
