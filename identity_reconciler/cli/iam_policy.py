"""`iam-policy`: the least that a role must be allowed. No AWS."""

from __future__ import annotations

from typing import Annotated

import typer

from identity_reconciler.errors import UsageError

app = typer.Typer(help="Print the IAM policies that this program needs.", no_args_is_help=True)


@app.callback()
def iam_policy() -> None:
    """Print the IAM policies that this program needs."""


@app.command()
def audit(
    role: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="For the role that audits: the role to assume."),
    ] = None,
    member: Annotated[
        bool, typer.Option("--member", help="For the role that is assumed in each account.")
    ] = False,
) -> None:
    """Print what the auditing role (--role) or the role in each account (--member) needs."""
    import json

    from identity_reconciler.audit.policy import member_policy, reading_policy

    if member == (role is not None):
        raise UsageError(
            "give either --role NAME, for the role that audits and assumes NAME in each account, "
            "or --member, for that role itself"
        )
    policy = member_policy() if role is None else reading_policy(role)
    typer.echo(json.dumps(policy, indent=2))
