"""Access to AWS accounts as values: what principals have, and how much of it is known. Pure.

This program does not manage it. It is read, because who is in a group gets what the group has.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class AccountReading(StrEnum):
    """`account_access` in `instance.yaml`: how access to accounts is read."""

    PRINCIPAL = "principal"
    """Each principal that a plan touches is asked about; for the management account alone."""
    LIST = "list"
    """All permission sets are listed, with who has them where; also for a delegated administrator.
    """
    OFF = "off"
    """Not at all."""


class AccountRoleKind(StrEnum):
    """By which of the two ways access to an account is given."""

    PERMISSION_SET = "permission_set"
    """A permission set, assigned in an account. Source: CreateAccountAssignment."""
    ROLE = "role"
    """A role of the account, entitled by account access manager. Source: CreateEntitlement."""


@dataclass(frozen=True, slots=True, order=True)
class AccountRole:
    """Something that a principal may be in one account."""

    account: str
    """Twelve digits."""
    account_name: str
    """As the organisation calls the account; empty where that is not known."""
    kind: AccountRoleKind
    name: str
    """The name of the permission set (the end of its ARN where that is all that is known), or of
    the role with its path: `break-glass/Admin`."""
    arn: str
    """Of the permission set or role."""

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from all others: the account, and the ARN."""
        return (self.account, self.arn)

    @property
    def access(self) -> str:
        """The permission set's name, or `role/` with path and name of the role."""
        return f"role/{self.name}" if self.kind is AccountRoleKind.ROLE else self.name

    @property
    def names(self) -> tuple[str, ...]:
        """What it is called in settings: by name or ARN, a role by its path as well.

        That is `/break-glass/Admin`, as IAM writes it.
        """
        if self.kind is AccountRoleKind.PERMISSION_SET:
            return (self.name, self.arn)
        return (f"/{self.name}", self.name.rpartition("/")[2], self.arn)

    @property
    def account_names(self) -> tuple[str, ...]:
        """What its account is called in settings: its twelve digits, and its name if it has one."""
        return (self.account, self.account_name) if self.account_name else (self.account,)

    @property
    def place(self) -> str:
        """The account for people: `prod (111122223333)`, or the digits alone."""
        return f"{self.account_name} ({self.account})" if self.account_name else self.account

    def __str__(self) -> str:
        return f"{self.access} in {self.place}"


class GapReason(StrEnum):
    """Why access to accounts is not known whole."""

    DENIED = "denied"
    """The credentials may not ask."""
    NOT_APPLICABLE = "not applicable"
    """The instance gives none: it has neither permission sets nor account access manager."""


@dataclass(frozen=True, slots=True, order=True)
class AccountGap:
    """One thing about access to accounts that AWS has not answered."""

    reason: GapReason
    note: str = ""
    """For people: which permission or account is needed; empty when nothing is missing."""
