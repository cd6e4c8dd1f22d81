"""`import`: what is live becomes YAML. Reads AWS, writes files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from identity_reconciler.cli.options import (
    DEFAULT_DIRECTORY,
    DirectoryArgument,
    EndpointUrl,
    ProfileName,
    RateOption,
    ServiceApplications,
    UseSandbox,
)
from identity_reconciler.desired.writing.placing import Layout
from identity_reconciler.errors import UsageError

if TYPE_CHECKING:
    from identity_reconciler.core.declared import Declared, Ignore
    from identity_reconciler.core.state import State
    from identity_reconciler.desired.writing.importing import Choice
    from identity_reconciler.desired.writing.rewrite import Rewrite
    from identity_reconciler.gateway import Gateway

_KINDS = ("user", "group", "application")
_MOST_NOTES = 50
"""As of problems; the rest is counted."""


def import_(
    directory: DirectoryArgument = DEFAULT_DIRECTORY,
    layout: Annotated[
        Layout | None,
        typer.Option(
            "--layout", help="How to spread new entries; else where most of their kind are."
        ),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only",
            metavar="ADDRESS",
            help="Only user/NAME, group/NAME or application/NAME; may be repeated.",
        ),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit 2 when something would change.")
    ] = False,
    service_applications: ServiceApplications = False,
    sandbox: UseSandbox = False,
    endpoint_url: EndpointUrl = None,
    profile: ProfileName = None,
    rate: RateOption = None,
) -> int:
    """Write what is live into the YAML, comments kept, so that a plan right after it is empty."""
    from datetime import UTC, datetime

    from identity_reconciler.cli.connection import Target, connected_for
    from identity_reconciler.cli.edit import finish
    from identity_reconciler.cli.loading import load_one, one_directory
    from identity_reconciler.cli.options import parse_rates
    from identity_reconciler.desired.writing.importing import Choice
    from identity_reconciler.desired.writing.rewrite import Rewrite

    chosen = None if only is None else frozenset(map(_chosen, only))
    target = Target(sandbox, endpoint_url, parse_rates(rate), profile=profile)
    declared = load_one(directory)
    rewrite = Rewrite(one_directory(directory))
    with connected_for(declared, target, write=False) as gateway:
        live = read_everything(gateway, declared.settings.ignore)
    choice = Choice(datetime.now(UTC), layout, chosen, service_applications)
    adopt_and_tell(rewrite, declared, live, choice)
    return finish(rewrite, write=not check, counted=True)


def _chosen(address: str) -> tuple[str, str]:
    from identity_reconciler.core.state import folded

    kind, _, name = address.partition("/")
    if kind not in _KINDS or not name:
        raise UsageError(f"--only {address}: expected user/NAME, group/NAME or application/NAME")
    return kind, folded(name)


def read_everything(gateway: Gateway, ignore: Ignore) -> State:
    """Return everything that is live and not ignored, all lists included.

    Raises:
        GatewayError: It could not be read whole.
    """
    from identity_reconciler.core.scope import matches_any
    from identity_reconciler.gateway import Wanted

    return gateway.read_state(
        Wanted(
            users=True,
            groups=True,
            applications=True,
            members_of=lambda group: (
                not group.foreign and not matches_any(ignore.groups, group.name)
            ),
            assignments_of=lambda one: not matches_any(ignore.applications, one.name),
        )
    )


def adopt_and_tell(rewrite: Rewrite, declared: Declared, live: State, choice: Choice) -> bool:
    """Change *rewrite*, which declares *declared*, to what is *live*; tell what there is to tell.

    Returns:
        Whether that is only how much was taken in, so that there is nothing to plan.

    Raises:
        UsageError: Something chosen is neither live nor declared, or a rename is pending.
    """
    from identity_reconciler.cli.output import note
    from identity_reconciler.desired.writing.importing import adopt
    from identity_reconciler.render.escape import safe_lines

    adopted = adopt(rewrite, declared, live, choice)
    told = [*adopted.remarks, *(f"{one}: live, and was not listed" for one in adopted.unlisted)]
    for remark in told[:_MOST_NOTES]:
        note(safe_lines(f"note: {remark}"))
    if len(told) > _MOST_NOTES:
        note(f"note: and {len(told) - _MOST_NOTES:,} more of these; --only tells those of one")
    if adopted.unreviewed:
        note(
            f"{adopted.unreviewed:,} memberships and assignments are live and nobody has reviewed "
            "them here: what is merged is what shall stay"
        )
    return not told
