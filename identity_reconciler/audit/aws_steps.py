"""The audit as steps of a state machine of AWS Step Functions, for organisations of any size.

`list_accounts` writes down which accounts there are, `collect_account` what one of them answers,
and `make_report` one report about all of that: three functions of AWS Lambda, which the template
`templates/audit-steps.yaml` puts in order. What they are given and return is checked, and names
no one. The settings are environment variables: those of `aws_lambda.Order`, and `StepSettings`.

Everything of one execution is kept under its name, so that what is driven again goes on where
it stopped: `audit/results/NAME/`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from identity_reconciler.audit.aws_lambda import QUESTIONS, Order, chosen
from identity_reconciler.audit.collection import AccountCaller
from identity_reconciler.audit.formats.files import FileFormat
from identity_reconciler.audit.inspection import Account, Inspection, Visit
from identity_reconciler.audit.keeping import BucketStore, FileStore, FolderStore, read
from identity_reconciler.audit.results import encoded, head_of
from identity_reconciler.audit.streaming import (
    KeptAnswers,
    ReportsPlace,
    everything,
    make,
    overview,
)
from identity_reconciler.errors import UsageError
from identity_reconciler.gateway.organization import Organization, OrganizationAccount
from identity_reconciler.gateway.wire.clients import make_session

LAST_ATTEMPT = 4
"""The attempt at an account, from 0, whose trouble is written down whatever it is.

The state machine makes no fewer: see `MaxAttempts` in the template.
"""
_STRICT = ConfigDict(extra="forbid")
_RUN = re.compile(r"[A-Za-z0-9_-]{1,80}")
"""The name of an execution, as far as it can be part of a key. Source: API_StartExecution."""


class PassingTroubleError(Exception):
    """An account could not be looked into now, and perhaps can be later.

    The state machine tries again after an error of this name.
    """


@dataclass(frozen=True, slots=True)
class Start:
    """What `list_accounts` is given."""

    __pydantic_config__: ClassVar = _STRICT

    run: str
    """The name of the execution."""
    as_of: datetime
    """When it was started."""


@dataclass(frozen=True, slots=True)
class ObjectPlace:
    """An object of S3, as a state machine reads it."""

    bucket: str
    key: str


@dataclass(frozen=True, slots=True)
class Listing:
    """What `list_accounts` returns: all that the rest of the state machine needs."""

    run: str
    as_of: str
    own: str
    """The account that the audit runs in."""
    count: int
    """How many accounts there are."""
    accounts: ObjectPlace
    """Where they are listed: an array of `OrganizationAccount`."""
    reports: tuple[str, ...]
    side_by_side: int
    """How many accounts are called at at a time."""
    tolerated_percentage: int
    """How many of them may end without an answer before the audit stops."""


@dataclass(frozen=True, slots=True)
class Errand:
    """What `collect_account` is given."""

    __pydantic_config__: ClassVar = _STRICT

    run: str
    own: str
    account: OrganizationAccount
    attempt: int
    """0 for the first."""


@dataclass(frozen=True, slots=True)
class Collected:
    """What `collect_account` returns."""

    account_id: str
    instances: int
    complete: bool
    """Whether all of the account was looked into; its answer tells what stopped it."""


@dataclass(frozen=True, slots=True)
class Commission:
    """What `make_report` is given."""

    __pydantic_config__: ClassVar = _STRICT

    run: str
    as_of: datetime
    report: str


@dataclass(frozen=True, slots=True)
class Delivered:
    """What `make_report` returns."""

    report: str
    rows: int
    files: int
    accounts: int
    unread: int
    """Accounts that could not be looked into; the report `instances` names them with reasons."""
    complete: bool


@dataclass(frozen=True, slots=True)
class StepSettings:
    """What only the state machine needs: the variables `AUDIT_FILES` and so on."""

    files: tuple[FileFormat, ...] = (FileFormat.CSV,)
    """`AUDIT_FILES`: how reports are written, with commas."""
    side_by_side: Annotated[int, Field(ge=1, le=1000)] = 40
    """`AUDIT_SIDE_BY_SIDE`."""
    tolerated_percentage: Annotated[int, Field(ge=0, le=100)] = 10
    """`AUDIT_TOLERATED_PERCENTAGE`."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> StepSettings:
        """Return what the variables say; those that are missing or empty have their defaults.

        Raises:
            UsageError: A format is unknown, or a number is none or out of bounds.
        """
        given: dict[str, Any] = {
            name: environment[variable]
            for name in ("side_by_side", "tolerated_percentage")
            if environment.get(variable := f"AUDIT_{name.upper()}")
        }
        if files := chosen(environment, "AUDIT_FILES", FileFormat):
            given["files"] = files
        return _checked(StepSettings, given)


_Checked = TypeVar("_Checked")


def _checked(kind: type[_Checked], given: object) -> _Checked:
    """Return *given* as a *kind*.

    Raises:
        UsageError: It is none; the message tells of no value.
    """
    try:
        return TypeAdapter(kind).validate_python(given)
    except ValidationError as error:
        said = "; ".join(
            f"{'.'.join(map(str, one['loc'])) or 'it'}: {one['msg']}"
            for one in error.errors(include_input=False, include_url=False)
        )
        raise UsageError(f"this is no {kind.__name__}: {said}") from error


def results(order: Order, run: str, store: FileStore) -> KeptAnswers:
    """Return where the answers of the accounts are kept for one execution.

    Raises:
        UsageError: *run* is no name of an execution.
    """
    if not _RUN.fullmatch(run):
        raise UsageError(f"{run!r} is no name of an execution that keys can have; start another")
    return KeptAnswers(store, f"{order.prefix}results/{run}/accounts/")


def _accounts_key(order: Order, run: str) -> str:
    return f"{order.prefix}results/{run}/accounts.json"


def listing(
    given: object,
    order: Order,
    settings: StepSettings,
    organization: Organization,
    store: FileStore,
) -> Listing:
    """Write down which accounts there are, and return what the next steps need.

    Raises:
        GatewayError: They could not be listed.
        UsageError: *given* is no `Start`.
    """
    start = _checked(Start, given)
    results(order, start.run, store)
    accounts = organization.accounts()
    place = ObjectPlace(order.bucket, _accounts_key(order, start.run))
    store.put(place.key, json.dumps([asdict(one) for one in accounts]).encode())
    return Listing(
        run=start.run,
        as_of=f"{start.as_of.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        own=organization.own_account(),
        count=len(accounts),
        accounts=place,
        reports=order.reports,
        side_by_side=settings.side_by_side,
        tolerated_percentage=settings.tolerated_percentage,
    )


def collected(
    given: object, order: Order, organization: Organization, store: FileStore
) -> Collected:
    """Write down what one account answers, if that has not been done as a whole before.

    Raises:
        PassingTroubleError: It could not be looked into, later perhaps it can, and this was not
            the last attempt.
        UsageError: *given* is no `Errand`.
    """
    errand = _checked(Errand, given)
    key = results(order, errand.run, store).key(errand.account.account_id)
    visit = _kept(store, key)
    if visit is None or visit.trouble:
        visit = AccountCaller(organization, order.wanted, errand.own).visit(errand.account)
        if visit.passing and errand.attempt < LAST_ATTEMPT:
            raise PassingTroubleError(visit.trouble)
        store.put(key, encoded(visit))
    return Collected(visit.account.account_id, len(visit.sites), not visit.trouble)


def _kept(store: FileStore, key: str) -> Visit | None:
    """Return the head of what is kept at *key*; None: nothing, or nothing that can be read."""
    there = read(store, key)
    with suppress(UsageError):
        return head_of(there, key) if there else None
    return None


def delivered(given: object, order: Order, settings: StepSettings, store: FileStore) -> Delivered:
    """Write one report about all accounts that were listed.

    Raises:
        UsageError: *given* is no `Commission`, or what is kept is damaged.
    """
    commission = _checked(Commission, given)
    if commission.report not in QUESTIONS:
        raise UsageError(f"{commission.report!r} is no report; expected {', '.join(QUESTIONS)}")
    kept = results(order, commission.run, store)
    accounts = listed_accounts(store, _accounts_key(order, commission.run))
    seen = overview(accounts, kept)
    as_of = commission.as_of.astimezone(UTC)
    target = ReportsPlace(store, order.prefix, as_of, settings.files)
    made = make(commission.report, seen, kept, target)
    unread = sum(1 for _ in seen.troubles)
    return Delivered(
        commission.report, made.rows, made.files, len(accounts), unread, complete=not unread
    )


def listed_accounts(store: FileStore, key: str) -> tuple[Account, ...]:
    """Return what `listing` has written down at *key*.

    Raises:
        UsageError: Nothing is there, or something else.
    """
    file = read(store, key)
    if file is None:
        raise UsageError(f"there is no {key}, which the list of accounts makes; run that first")
    try:
        entries = TypeAdapter(tuple[OrganizationAccount, ...]).validate_json(file.read())
    except ValidationError as error:
        raise UsageError(f"{key} is no list of accounts; run that again") from error
    return tuple(Account(one.account_id, one.name, one.state) for one in entries)


def kept_in(folder: Path) -> Inspection:
    """Return what a copy of `audit/results/NAME/` holds, all of it.

    Raises:
        UsageError: It is none.
    """
    store = FolderStore(folder)
    return everything(listed_accounts(store, "accounts.json"), KeptAnswers(store, "accounts/"))


def list_accounts(event: object, context: object) -> dict[str, Any]:
    """See `listing`. For AWS Lambda."""
    del context
    order, settings, session = _order(), StepSettings.from_environment(os.environ), make_session()
    store = BucketStore(session.client("s3"), order.bucket)
    return asdict(listing(event, order, settings, order.organization(session), store))


def collect_account(event: object, context: object) -> dict[str, Any]:
    """See `collected`. For AWS Lambda."""
    del context
    order, session = _order(), make_session()
    store = BucketStore(session.client("s3"), order.bucket)
    return asdict(collected(event, order, order.organization(session), store))


def make_report(event: object, context: object) -> dict[str, Any]:
    """See `delivered`. For AWS Lambda."""
    del context
    order, settings = _order(), StepSettings.from_environment(os.environ)
    store = BucketStore(make_session().client("s3"), order.bucket)
    return asdict(delivered(event, order, settings, store))


def _order() -> Order:
    return Order.from_environment(os.environ)
