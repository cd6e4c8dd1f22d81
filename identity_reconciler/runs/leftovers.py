"""Make sure, just before a user or group is deleted, that nothing stays behind in AWS accounts."""

from __future__ import annotations

from dataclasses import dataclass

from identity_reconciler.core.guard_settings import GuardId
from identity_reconciler.core.plan import Change, Delete
from identity_reconciler.core.state import Group, User, address, principal_of
from identity_reconciler.errors import GatewayError
from identity_reconciler.gateway import Gateway, Wanted
from identity_reconciler.render.document import PlanDocument


@dataclass(frozen=True, slots=True)
class LeftoverCheck:
    """Asks about each user and group that is about to be deleted, with one request.

    What was given after the plan was made would stay for good, for nobody. Where it may not be
    asked, the plan has said so, and there is nothing to check. Where all of it is listed, it is
    listed once in a run: what was given after that is not found.
    """

    gateway: Gateway
    document: PlanDocument
    """The plan that is applied."""

    def __call__(self, change: Change) -> str:
        """Return why *change* must not be made, or nothing."""
        if not isinstance(change, Delete) or not isinstance(change.before, User | Group):
            return ""
        reading = self.document.account_access_read
        if reading == "off" or self._is_approved(address(change.before)):
            return ""
        principal = principal_of(change.before)
        wanted = Wanted(account_access=(principal,), account_lists=reading == "list")
        try:
            found = self.gateway.read_state(wanted).account_access.get(principal, frozenset())
        except GatewayError as error:
            return f"whether it has access to AWS accounts is not known: {error}"
        if not found:
            return ""
        told = ", ".join(map(str, sorted(found)))
        return f"it has {told}, which would be left behind for good; plan again to see more"

    def _is_approved(self, of: str) -> bool:
        """Return whether `leftover.accounts` was approved for that address."""
        return any(
            one.guard == GuardId.LEFTOVER_ACCOUNTS
            and one.standing == "approved"
            and (of in one.addresses or one.count > len(one.addresses))
            for one in self.document.guards
        )
