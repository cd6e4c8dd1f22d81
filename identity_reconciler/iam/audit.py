"""The IAM policies that an audit needs, and nothing more. Pure data.

Source of actions and resources: Service Authorization Reference, identitystore and sso.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Statement = Mapping[str, str | Sequence[str]]
Policy = Mapping[str, str | Sequence[Statement]]

READ_ACTIONS = (
    "identitystore:DescribeUser",
    "identitystore:ListGroupMemberships",
    "identitystore:ListGroups",
    "identitystore:ListUsers",
    "sso:GetApplicationAssignmentConfiguration",
    "sso:ListApplicationAssignments",
    "sso:ListApplications",
    "sso:ListInstances",
)
"""Every operation that an audit sends to an instance."""


def member_policy() -> Policy:
    """Return the policy of the role that is assumed in each account: it reads its instance.

    The resource is `*`, because ListInstances and ListApplications know no other, and which
    instances there are is what the audit is to find out.
    """
    return _policy(_read_instance())


def reading_policy(role: str) -> Policy:
    """Return the policy of the role that the audit runs with.

    It lists the accounts, enters those that have a role called *role*, and reads the instance of
    its own account.
    """
    return _policy(
        {
            "Sid": "Accounts",
            "Effect": "Allow",
            "Action": "organizations:ListAccounts",
            "Resource": "*",
        },
        {
            "Sid": "EnterAccounts",
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Resource": f"arn:aws:iam::*:role/{role}",
        },
        _read_instance(),
    )


def _read_instance() -> Statement:
    return {"Sid": "ReadInstance", "Effect": "Allow", "Action": READ_ACTIONS, "Resource": "*"}


def _policy(*statements: Statement) -> Policy:
    return {"Version": "2012-10-17", "Statement": statements}
