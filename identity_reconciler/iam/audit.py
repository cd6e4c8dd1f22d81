"""The IAM policies that an audit of an organisation needs, and nothing more. Pure data."""

from __future__ import annotations

from identity_reconciler.gateway.wire.operations import BoundTo, Purpose, operations_for
from identity_reconciler.iam.policies import Policy, Statement, document, statement

_INSTANCE = ("identitystore", "sso-admin")
_SAME_ORGANIZATION = {"StringEquals": {"aws:ResourceOrgID": "${aws:PrincipalOrgID}"}}
"""A role of that name elsewhere may be a trap. Source: IAM, "AWS global condition context keys"."""


def member_policy() -> Policy:
    """Return the policy of the role that is assumed in each account: it reads its instance.

    The resource is `*`, because ListInstances and ListApplications know no other, and which
    instances there are is what the audit is to find out.
    """
    return document([_allow("ReadInstance", Purpose.AUDIT_MEMBER, _INSTANCE, "*")])


def reading_policy(role: str) -> Policy:
    """Return the policy of the role that the audit runs with.

    It lists the accounts, enters those of its organisation that have a role called *role*, and
    reads the instance of its own account.
    """
    enter = _allow("EnterAccounts", Purpose.AUDIT, ("sts",), f"arn:aws:iam::*:role/{role}")
    return document(
        [
            _allow("Accounts", Purpose.AUDIT, ("organizations",), "*"),
            {**enter, "Condition": _SAME_ORGANIZATION},
            _allow("ReadInstance", Purpose.AUDIT, _INSTANCE, "*"),
        ]
    )


def _allow(name: str, purpose: Purpose, services: tuple[str, ...], resource: str) -> Statement:
    actions = (
        one.action
        for one in operations_for(purpose)
        if one.service in services and one.bound_to is not BoundTo.NO_PERMISSION
    )
    return statement(name, "Allow", actions, (resource,))
