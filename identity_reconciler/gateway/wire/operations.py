"""Every operation that may be sent, and for what: one list, from which all else is derived.

The clients refuse what is not listed for their purpose, and the IAM policies allow what is: see
`clients` and `iam.policies`. The templates of the audit repeat it, and tests compare them. Tests
also compare the list with what the sandbox is asked for, both ways.

Source of actions and of what they can be bound to: Service Authorization Reference,
identitystore, sso, organizations and sts; of account-access, its model alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from identity_reconciler.core.accounts import AccountReading


class Purpose(StrEnum):
    """What clients, and the role whose credentials they use, are for."""

    PLAN = "plan"
    APPLY = "apply"
    EXPIRE = "expire"
    """An apply that only removes what has expired."""
    AUDIT = "audit"
    """The audit of an organisation, in the account that it runs in."""
    AUDIT_MEMBER = "audit-member"
    """The same audit, in each account that it enters."""


class BoundTo(StrEnum):
    """What the permission for an operation can be restricted to."""

    NOTHING = "nothing"
    """It lists what the credentials can see, so there is no resource to name."""
    INSTANCE = "instance"
    APPLICATION = "application"
    STORE = "store"
    """The identity store with its users, groups and memberships."""
    PERMISSION_SET = "permission set"
    """With the instance and the accounts that it is in."""
    ACCESS_MANAGER = "access manager"
    """The application of account access manager."""
    ROLE = "role"
    LOCK = "lock"
    """The object of S3 that keeps the lease, where `lock` in `instance.yaml` names one."""
    NO_PERMISSION = "no permission"
    """Whoever has credentials may send it."""


_ANY_READING = frozenset(AccountReading)
_READ = _ANY_READING - {AccountReading.OFF}


@dataclass(frozen=True, slots=True)
class ServiceOperation:
    """One operation of one service."""

    service: str
    """As botocore calls it in events: identitystore, sso-admin, account-access, sts,
    organizations, s3."""
    name: str
    bound_to: BoundTo
    purposes: frozenset[Purpose]
    why: str
    """What it is sent for."""
    writes: bool = False
    when: frozenset[AccountReading] = _ANY_READING
    """The values of `account_access` with which it is sent."""
    twins: tuple[str, ...] = ()
    """What the console calls the same write: actions of `sso-directory`, which are only denied."""
    lease_alone: frozenset[Purpose] = frozenset()
    """Purposes for which nothing but the lease takes it, where the directory keeps that."""

    @property
    def action(self) -> str:
        """The name of the permission in IAM."""
        return f"{self.service.removesuffix('-admin')}:{self.name}"


_ALL = frozenset(Purpose)
_RUNS = frozenset({Purpose.PLAN, Purpose.APPLY, Purpose.EXPIRE})
_AUDIT = frozenset({Purpose.AUDIT})
_APPLY = frozenset({Purpose.APPLY})
_WHOLE = "who has access to AWS accounts, in audits and where `account_access` is `list`"
_REMOVALS = frozenset({Purpose.APPLY, Purpose.EXPIRE})


def _store(name: str, purposes: frozenset[Purpose], why: str) -> ServiceOperation:
    return ServiceOperation("identitystore", name, BoundTo.STORE, purposes, why)


def _sso(name: str, bound_to: BoundTo, purposes: frozenset[Purpose], why: str) -> ServiceOperation:
    return ServiceOperation("sso-admin", name, bound_to, purposes, why)


def _accounts(
    service: str,
    name: str,
    bound_to: BoundTo,
    why: str,
    when: frozenset[AccountReading] = _READ,
) -> ServiceOperation:
    return ServiceOperation(service, name, bound_to, _RUNS, why, when=when)


def _write_group(name: str, *twins: str) -> ServiceOperation:
    """Return a write of an apply to groups, by which an expiry takes and gives back the lease."""
    found = _write("identitystore", name, _REMOVALS, *twins)
    return replace(found, lease_alone=frozenset({Purpose.EXPIRE}))


def _write(service: str, name: str, purposes: frozenset[Purpose], *twins: str) -> ServiceOperation:
    bound_to = BoundTo.STORE if service == "identitystore" else BoundTo.APPLICATION
    why = "a change of the plan"
    return ServiceOperation(service, name, bound_to, purposes, why, writes=True, twins=twins)


OPERATIONS = (
    ServiceOperation(
        "sts",
        "GetCallerIdentity",
        BoundTo.NO_PERMISSION,
        _RUNS | _AUDIT,
        "the account of the credentials",
    ),
    ServiceOperation("sts", "AssumeRole", BoundTo.ROLE, _AUDIT, "into each account"),
    ServiceOperation(
        "organizations",
        "ListAccounts",
        BoundTo.NOTHING,
        _RUNS | _AUDIT,
        "all accounts, and what they are called",
        when=_READ,
    ),
    _sso("ListInstances", BoundTo.NOTHING, _ALL, "the instance is the declared one"),
    _sso("ListApplications", BoundTo.NOTHING, _ALL, "all applications"),
    _sso("DescribeApplication", BoundTo.APPLICATION, _RUNS, "one application by its ARN"),
    _sso("ListApplicationAssignments", BoundTo.APPLICATION, _ALL, "who is assigned"),
    _sso(
        "GetApplicationAssignmentConfiguration",
        BoundTo.APPLICATION,
        _ALL,
        "whether everybody gets in without any assignment",
    ),
    _sso(
        "ListApplicationAssignmentsForPrincipal",
        BoundTo.INSTANCE,
        _ALL,
        "what one user or group is assigned to",
    ),
    _sso("DescribeApplicationAssignment", BoundTo.APPLICATION, _RUNS, "whether one is there"),
    *(
        _accounts("sso-admin", *row)
        for row in (
            (
                "DescribeInstance",
                BoundTo.INSTANCE,
                "whether there are permission sets, and from where it can be reached",
            ),
            (
                "ListAccountAssignmentsForPrincipal",
                BoundTo.INSTANCE,
                "what a principal that a plan touches has in AWS accounts",
                _READ - {AccountReading.LIST},
            ),
            ("DescribePermissionSet", BoundTo.PERMISSION_SET, "what a permission set is called"),
            ("ListPermissionSets", BoundTo.INSTANCE, _WHOLE),
            (
                "ListAccountsForProvisionedPermissionSet",
                BoundTo.PERMISSION_SET,
                _WHOLE,
            ),
            ("ListAccountAssignments", BoundTo.PERMISSION_SET, _WHOLE),
        )
    ),
    *(
        _accounts("account-access", *row)
        for row in (
            ("ListApplications", BoundTo.NOTHING, "whether there is account access manager"),
            ("GetApplication", BoundTo.ACCESS_MANAGER, "whether it is that of the instance"),
            ("ListEntitlements", BoundTo.ACCESS_MANAGER, "which roles a principal may take"),
        )
    ),
    _store("DescribeIdentityStore", frozenset({Purpose.PLAN}), "from where it can be reached"),
    _store("ListUsers", _ALL, "all users"),
    _store("ListGroups", _ALL, "all groups"),
    _store("ListGroupMemberships", _ALL, "the members of a group"),
    _store("ListGroupMembershipsForMember", _ALL, "the groups of a user"),
    _store("DescribeUser", _ALL, "one user, also one who joined while lists were read"),
    _store("DescribeGroup", _ALL, "one group"),
    _store("DescribeGroupMembership", _RUNS, "who made a membership"),
    _store("GetUserId", _ALL, "a user by name"),
    _store("GetGroupId", _ALL, "a group by name"),
    _store("GetGroupMembershipId", _RUNS, "a membership by group and user"),
    ServiceOperation("s3", "GetObject", BoundTo.LOCK, _RUNS, "who may apply, and what was last"),
    ServiceOperation("s3", "PutObject", BoundTo.LOCK, _REMOVALS, "to be the one", writes=True),
    _write("identitystore", "CreateUser", _APPLY, "CreateUser"),
    _write("identitystore", "UpdateUser", _APPLY, "UpdateUser", "UpdateUserName"),
    _write("identitystore", "DeleteUser", _APPLY, "DeleteUser"),
    _write_group("CreateGroup", "CreateGroup"),
    _write_group("UpdateGroup", "UpdateGroup", "UpdateGroupDisplayName"),
    _write("identitystore", "DeleteGroup", _APPLY, "DeleteGroup"),
    _write("identitystore", "CreateGroupMembership", _APPLY, "AddMemberToGroup"),
    _write("identitystore", "DeleteGroupMembership", _REMOVALS, "RemoveMemberFromGroup"),
    _write("sso-admin", "CreateApplicationAssignment", _APPLY),
    _write("sso-admin", "DeleteApplicationAssignment", _REMOVALS),
)


def operations_for(purpose: Purpose) -> tuple[ServiceOperation, ...]:
    """Return what may be sent for *purpose*, in the order of the list."""
    return tuple(one for one in OPERATIONS if purpose in one.purposes)
