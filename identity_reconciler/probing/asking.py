"""Where probes work: one instance, what is asked there, and how the answers are taken."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar, cast

from botocore.exceptions import ClientError

from identity_reconciler.gateway.wire.tally import Tally
from identity_reconciler.probing.ledger import Ledger, Made
from identity_reconciler.probing.observations import (
    ACCEPTED,
    NotMeasuredError,
    Observation,
    is_missing,
    refusal,
    words,
)

if TYPE_CHECKING:
    from mypy_boto3_account_access import AccountAccessClient
    from mypy_boto3_identitystore import IdentityStoreClient
    from mypy_boto3_sso_admin import SSOAdminClient


T = TypeVar("T")

PREFIX = "idrec-probe-"
"""What everything that any run makes begins with. A permission set's name has 32 characters."""
NOBODY = "00000000-0000-4000-8000-000000000000"
"""An id that nobody has."""

_PAUSE = 0.5
"""Seconds between two looks at what may lag."""
_CONFLICT = "ConflictException"


class StoppedError(Exception):
    """Somebody asked the probes to stop; nothing more is begun."""


@dataclass(frozen=True, slots=True)
class ProbedInstance:
    """An instance that probes may work in, and the way there."""

    name: str
    """What the table calls it: sandbox, AWS, or an address."""
    instance_arn: str
    store_id: str
    account: str
    """The owner: twelve digits."""
    store: IdentityStoreClient
    admin: SSOAdminClient
    access: AccountAccessClient
    replica: IdentityStoreClient | None
    """The way in through another Region where the instance is enabled; None: it has none."""
    patience: float
    """Seconds for which a list may lag behind a write, and a write be refused for an older one."""
    requests: Tally
    """Every request that was sent there."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the surroundings give: time, and a way to stop."""

    sleep: Callable[[float], object]
    stopped: Callable[[], bool]


class Asking:
    """One run of probes at one place."""

    def __init__(self, site: ProbedInstance, run: str, surroundings: Surroundings) -> None:
        self.site = site
        self.store = site.store
        self.admin = site.admin
        self.access = site.access
        self.prefix = f"{PREFIX}{run}-"
        """What everything that this run makes begins with."""
        self.ledger = Ledger(lambda read: self._until(read, expected=False))
        self.sleep = surroundings.sleep
        self._stopped = surroundings.stopped
        self._numbers = itertools.count(1)

    def check(self) -> None:
        """Return only if nobody has asked to stop.

        Raises:
            StoppedError: Somebody has.
        """
        if self._stopped():
            raise StoppedError

    def name(self) -> str:
        """Return a name that nobody has."""
        return f"{self.prefix}{next(self._numbers)}"

    def address(self) -> str:
        """Return an e-mail address that nobody has. `example.com` is nobody's: RFC 2606."""
        return f"{self.name()}@example.com"

    # What is asked and how the answer is taken.

    def attempt(self, step: Callable[[], object], *, denial: bool = False) -> Observation:
        """Return whether the service accepts *step*, and how it refuses.

        See `refusal`, for *denial* too.
        """
        self.check()
        try:
            step()
        except ClientError as error:
            return refusal(error, denial=denial)
        return Observation(ACCEPTED)

    def settled_attempt(self, step: Callable[[], object]) -> Observation:
        """Return as `attempt`, but ask again while an earlier write may be the cause.

        sso-admin answers ConflictException also where that has not arrived yet. Documented:
        API_CreateApplicationAssignment.
        """
        return self._patiently(
            lambda: self.attempt(step), lambda seen: not seen.code.startswith(_CONFLICT)
        )

    def settled(self, read: Callable[[], bool], *, expected: bool) -> bool:
        """Return what *read* says once it says what is *expected*, or at last."""

        def checked() -> bool:
            self.check()
            return read()

        return self._until(checked, expected=expected)

    def see(self, read: Callable[[], bool]) -> None:
        """Return only once a list shows what was made: else that it is gone would say nothing.

        Raises:
            NotMeasuredError: It does not within the patience of this place.
        """
        if not self.settled(read, expected=True):
            raise NotMeasuredError("a list does not show what was made")

    def prepare(self, step: Callable[[], T]) -> T:
        """Return what *step* gives, which the question is not about; ask again while it may lag.

        Raises:
            NotMeasuredError: It does not work here.
        """

        def tried() -> T | ClientError:
            self.check()
            try:
                return step()
            except ClientError as error:
                if _may_lag(error):
                    return error
                raise NotMeasuredError(words(error)) from error

        result = self._patiently(tried, lambda seen: not isinstance(seen, ClientError))
        if isinstance(result, ClientError):
            raise NotMeasuredError(words(result)) from result
        return result

    def _until(self, read: Callable[[], bool], *, expected: bool) -> bool:
        return self._patiently(read, lambda seen: seen is expected)

    def _patiently(self, read: Callable[[], T], enough: Callable[[T], bool]) -> T:
        result = read()
        for _ in range(int(self.site.patience / _PAUSE)):
            if enough(result):
                break
            self.sleep(_PAUSE)
            result = read()
        return result

    def making(self, made: Made) -> AbstractContextManager[Made]:
        """Return the block that makes *made*, which is written down before.

        Raises:
            NotMeasuredError: What is made could not be found again, should its answer be lost.
        """
        self.check()
        if made.kind not in self.ledger.kinds:
            try:
                made.find()
            except ClientError as error:
                raise NotMeasuredError(f"{words(error)}, so nothing was made") from error
        return self.ledger.making(made)


def as_document(value: object) -> Mapping[str, object]:
    """Return *value* as the value of an attribute; boto3-stubs know only mappings as such."""
    return cast("Mapping[str, object]", value)


def _may_lag(error: ClientError) -> bool:
    """Return whether a write that has not arrived everywhere yet may be the cause."""
    return is_missing(error) or error.response.get("Error", {}).get("Code") == _CONFLICT
