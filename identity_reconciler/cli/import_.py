"""`import`: what is live becomes YAML. Reads AWS, writes files."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
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
from identity_reconciler.desired.writing.layout import Layout
from identity_reconciler.errors import UsageError

if TYPE_CHECKING:
    from identity_reconciler.core.declared import Declared, Ignore
    from identity_reconciler.core.state import State
    from identity_reconciler.desired.reading.terraform import TerraformResource
    from identity_reconciler.desired.writing.importing import Choice
    from identity_reconciler.desired.writing.rewrite import Rewrite
    from identity_reconciler.gateway import Gateway
    from identity_reconciler.gateway.aws import AwsGateway
    from identity_reconciler.runs.terraform import Takeover

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
    from_state: Annotated[
        Path | None,
        typer.Option(
            "--from-state",
            metavar="FILE",
            help="Only what Terraform manages: FILE is what `terraform show -json` prints.",
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

    if only is not None and from_state is not None:
        raise UsageError("--only and --from-state exclude each other; give one")
    chosen = None if only is None else frozenset(map(_chosen, only))
    resources = () if from_state is None else _resources(from_state)
    target = Target(sandbox, endpoint_url, parse_rates(rate), profile=profile)
    declared = load_one(directory)
    rewrite = Rewrite(one_directory(directory))
    with connected_for(declared, target, write=False) as gateway:
        live = read_everything(gateway, declared.settings.ignore)
        found = _taken_over(resources, declared, live, gateway) if resources else None
    if found is not None:
        chosen = found.chosen | found.besides
    choice = Choice(datetime.now(UTC), layout, chosen, service_applications)
    adopt_and_tell(rewrite, declared, live, choice)
    code = finish(rewrite, write=not check, counted=True)
    if found is not None:
        _tell_what_leaves(found, rewrite.declared(), live)
    return code


def _resources(path: Path) -> tuple[TerraformResource, ...]:
    from identity_reconciler.desired.reading.terraform import read_terraform

    try:
        # PowerShell writes a byte order mark.
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {path} as UTF-8: {error}; name another file") from error
    return read_terraform(text, str(path))


def _taken_over(
    resources: Collection[TerraformResource], declared: Declared, live: State, gateway: AwsGateway
) -> Takeover:
    """Return what to import of *resources*; tell what became of the rest."""
    from identity_reconciler.cli.output import note
    from identity_reconciler.core.state import principals_of
    from identity_reconciler.gateway.reading.witnesses import witness
    from identity_reconciler.runs.terraform import takeover

    store = declared.settings.instance.identity_store_id
    witnesses = gateway.witnesses(principals_of(live.users, live.groups))
    principals = {witnessed: principal for principal, witnessed in witnesses.items()}
    found = takeover(
        resources,
        declared,
        live,
        lambda kind, identifier: principals.get(witness(store, kind, identifier)),
    )
    for remark in found.remarks:
        note(f"note: {remark}")
    if found.besides:
        named = ", ".join(f"{kind}/{name}" for kind, name in sorted(found.besides)[:_MOST_NOTES])
        more = f" and {len(found.besides) - _MOST_NOTES:,} more" * (
            len(found.besides) > _MOST_NOTES
        )
        note(f"note: taken in as well, for lists name them: {named}{more}")
    return found


def _tell_what_leaves(found: Takeover, declared: Declared, live: State) -> None:
    """Print a `removed` block for all that Terraform may forget; say what has to stay there."""
    from identity_reconciler.cli.output import note

    going, staying = found.leaving(declared, live)
    for name in staying:
        note(
            f"note: {name} stays with Terraform: not all of it is managed here; it is ignored, "
            "owned elsewhere, off under `manage`, or wants --service-applications"
        )
    if going:
        note("in Terraform, these blocks belong in the place of the resources:")
    for name in going:
        typer.echo(f"removed {{\n  from = {name}\n  lifecycle {{\n    destroy = false\n  }}\n}}")


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
    from identity_reconciler.cli.output import note, working
    from identity_reconciler.desired.writing.importing import adopt

    with working("writing down what is live"):
        adopted = adopt(rewrite, declared, live, choice)
    told = [*adopted.remarks, *(f"{one}: live, and was not listed" for one in adopted.unlisted)]
    for remark in told[:_MOST_NOTES]:
        note(f"note: {remark}")
    if len(told) > _MOST_NOTES:
        note(f"note: and {len(told) - _MOST_NOTES:,} more of these; --only tells those of one")
    if adopted.unreviewed:
        note(
            f"{adopted.unreviewed:,} memberships and assignments are live and nobody has reviewed "
            "them here: what is merged is what shall stay"
        )
    return not told
