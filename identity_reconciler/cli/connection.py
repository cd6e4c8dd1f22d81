"""Open the gateway that a command works through: AWS, or the embedded sandbox."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from identity_reconciler.cli.options import DEFAULT_DIRECTORY, places_above
from identity_reconciler.cli.output import note
from identity_reconciler.errors import UsageError

if TYPE_CHECKING:
    from identity_reconciler.cli.output import Timings
    from identity_reconciler.core.declared import ApplicationSelector, Declared, Instance
    from identity_reconciler.gateway.aws import AwsGateway
    from identity_reconciler.gateway.wire.clients import Clients
    from identity_reconciler.gateway.wire.pacing import Clock, Rates
    from identity_reconciler.sandbox import Sandbox

WORKSPACE = Path(".identity-reconciler")
"""Where the sandbox and the journals are kept, beside the YAML; see `place_of_workspace`."""
SANDBOX_FILE = WORKSPACE / "sandbox.sqlite3"
"""The embedded sandbox, wherever the workspace is."""
_UNPACED = 100_000.0
"""Requests a second: the sandbox has no quota to respect unless it is told to have one."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a command's requests go."""

    sandbox: bool = False
    endpoint_url: str | None = None
    rates: Rates | None = None
    """Requests a second; None: as AWS documents, and on the embedded sandbox without a limit."""
    timings: Timings | None = None
    """What counts the requests, where that is wanted."""
    profile: str | None = None
    """The profile with the credentials; None: that of the environment."""
    embedded: Callable[[], AbstractContextManager[Sandbox]] | None = None
    """What opens the embedded sandbox; None: it is kept below the working directory."""
    clock: Clock | None = None
    """What requests wait for their turns by; None: the time of the machine."""

    def open(self, clients: Clients, instance: Instance) -> AwsGateway:
        """Return the gateway to *instance* through *clients*; see `gateway.aws.connect`."""
        from identity_reconciler.gateway.aws import connect

        if self.timings is not None:
            self.timings.tallies.append(clients.requests)
        return connect(clients, instance)

    def profile_for(self, instance: Instance) -> str | None:
        """Return the profile with the credentials for *instance*."""
        name = self.profile
        return name and name.replace("{instance}", instance.name).replace(
            "{account}", instance.account_id
        )

    def sandbox_rates(self) -> Rates:
        """Return how fast the embedded sandbox may be asked."""
        from identity_reconciler.gateway.wire.pacing import Rates

        unpaced = Rates(sso_admin=_UNPACED, identity_store=_UNPACED, account_access=_UNPACED)
        return self.rates or unpaced

    def __post_init__(self) -> None:
        if self.sandbox and self.endpoint_url:
            raise UsageError(
                "--sandbox and --endpoint-url exclude each other: the embedded sandbox has no URL"
            )
        if self.sandbox and self.profile:
            raise UsageError(
                "--sandbox and --profile exclude each other: the embedded sandbox needs no "
                "credentials"
            )


@contextmanager
def connected(
    instance: Instance,
    target: Target,
    *,
    write: bool,
    applications: Iterable[ApplicationSelector] = (),
) -> Iterator[AwsGateway]:
    """Yield a gateway to *instance*, asserted to be that one.

    A new sandbox gets the declared *applications*; on AWS they are somebody else's to make.

    Raises:
        WrongInstanceError: The credentials or the service lead elsewhere.
        GatewayError: AWS could not be reached or asked.
    """
    from identity_reconciler.gateway.wire.clients import make_clients, make_session
    from identity_reconciler.gateway.wire.operations import Purpose

    purpose = Purpose.APPLY if write else Purpose.PLAN
    if target.sandbox:
        with (target.embedded or open_sandbox)() as sandbox:
            furnish(sandbox, instance, applications)
            session = sandbox.session(instance.account_id)
            rates = target.sandbox_rates()
            clients = make_clients(
                session, region=instance.region, purpose=purpose, rates=rates, clock=target.clock
            )
            yield target.open(clients, instance)
    else:
        clients = make_clients(
            make_session(target.profile_for(instance)),
            region=instance.region,
            endpoint_url=target.endpoint_url,
            purpose=purpose,
            rates=target.rates,
            clock=target.clock,
        )
        yield target.open(clients, instance)


def connected_for(
    declared: Declared, target: Target, *, write: bool
) -> AbstractContextManager[AwsGateway]:
    """Return a gateway to the instance of *declared*; see `connected`."""
    return connected(
        declared.settings.instance,
        target,
        write=write,
        applications=(entry.selector for entry in declared.applications),
    )


@contextmanager
def open_sandbox(state: Path = SANDBOX_FILE, *, instead_of_aws: bool = True) -> Iterator[Sandbox]:
    """Yield the embedded sandbox that is kept in *state*.

    *instead_of_aws*: a command that else asks AWS uses it, and stderr says so.

    Raises:
        UsageError: The extra `sandbox` is not installed.
    """
    require_sandbox()
    from identity_reconciler.sandbox import Sandbox

    if state == SANDBOX_FILE:
        state = workspace() / state.name
    with Sandbox(state) as sandbox:
        if instead_of_aws:
            note(f"using the sandbox in {state}, not AWS")
        yield sandbox


def require_sandbox() -> None:
    """Return only if the sandbox is there.

    Raises:
        UsageError: The extra `sandbox` is not installed.
    """
    try:
        import identity_reconciler.sandbox  # noqa: F401
    except ModuleNotFoundError as error:
        raise UsageError(
            f"the sandbox needs the package {error.name}; "
            "install it with: pip install 'identity-reconciler[sandbox]'"
        ) from error


def workspace() -> Path:
    """Return where the workspace is, made if need be: its owner's alone, and ignored by Git.

    What runs leave there holds names and e-mail addresses.

    Raises:
        UsageError: It cannot be made.
    """
    place = place_of_workspace()
    ignored = place / ".gitignore"
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not ignored.exists():
            ignored.write_text("*\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"cannot write to {place}: {error.strerror}; run this in a directory of your own"
        ) from error
    return place


def place_of_workspace() -> Path:
    """Return the same place from wherever in a repository a command is run.

    That is the working directory, unless one above it, in the same repository, has a workspace;
    from within the YAML it is beside that.
    """
    from identity_reconciler.desired.reading.files import SETTINGS_FILE

    for above in (Path(), *places_above()):
        if (above / WORKSPACE).is_dir():
            return above / WORKSPACE
    beside, inside = WORKSPACE, False
    for above in (Path(), *places_above()):
        if (above / DEFAULT_DIRECTORY).is_dir():
            return above / WORKSPACE
        if (above / SETTINGS_FILE).is_file():
            beside, inside = above / ".." / WORKSPACE, True
        elif inside:
            break
    return beside


def furnish(
    sandbox: Sandbox, instance: Instance, applications: Iterable[ApplicationSelector]
) -> None:
    """Give *sandbox* the instance; a new one gets applications to assign people to.

    Those are a catalogue of well-known ones and *applications*, but only the first time, so
    that a later slip of the pen in a name is found as it would be on AWS.
    """
    from identity_reconciler.sandbox import InstanceDetails
    from identity_reconciler.sandbox.catalogue import CATALOGUE

    created = sandbox.ensure_instance(
        InstanceDetails(
            account_id=instance.account_id,
            region=instance.region,
            instance_arn=instance.instance_arn,
            identity_store_id=instance.identity_store_id,
            name=instance.name,
        )
    )
    if not created:
        return
    sandbox.add_catalogue(instance.instance_arn)
    known = {name for name, _ in CATALOGUE}
    for selector in applications:
        if selector.arn or selector.name not in known:
            sandbox.add_application(
                selector.name or selector.arn or "",
                selector.provider,
                account=selector.account,
                instance_arn=instance.instance_arn,
                arn=selector.arn,
            )
