"""What the shell completes: the names that the YAML declares. No AWS, and nothing on any error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import typer  # noqa: TC002 - Typer reads the annotations

from identity_reconciler.cli.options import DEFAULT_DIRECTORY, nearest

if TYPE_CHECKING:
    from identity_reconciler.core.declared import Declared


def users(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the user names that begin with *incomplete*."""
    return _completed(ctx, incomplete, _users)


def groups(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the names of groups that begin with *incomplete*."""
    return _completed(ctx, incomplete, _groups)


def applications(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the names of applications that begin with *incomplete*."""
    return _completed(ctx, incomplete, _applications)


def addresses(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the addresses that begin with *incomplete*; those of a kind once it is given."""
    kinds = {"user": _users, "group": _groups, "application": _applications}
    kind, slash, _ = incomplete.partition("/")
    if not slash or kind not in kinds:
        return [f"{one}/" for one in kinds if one.startswith(incomplete)]
    found = kinds[kind]
    return _completed(
        ctx, incomplete, lambda declared: (f"{kind}/{one}" for one in found(declared))
    )


def _users(declared: Declared) -> Iterator[str]:
    return (one.name for one in declared.users)


def _groups(declared: Declared) -> Iterator[str]:
    return (one.name for one in declared.groups)


def _applications(declared: Declared) -> Iterator[str]:
    return (one.selector.name or one.selector.arn or "" for one in declared.applications)


def _completed(
    ctx: typer.Context, incomplete: str, names: Callable[[Declared], Iterator[str]]
) -> list[str]:
    """Return those of *names* that begin with *incomplete*, sorted.

    A command that is being typed is no place to tell what is wrong with the YAML.
    """
    from identity_reconciler.cli.loading import load_one

    try:
        declared = load_one(nearest(Path(ctx.params.get("directory") or DEFAULT_DIRECTORY)))
        return sorted({one for one in names(declared) if one.startswith(incomplete)})
    except Exception:  # noqa: BLE001 - a shell would print it into the line
        return []
