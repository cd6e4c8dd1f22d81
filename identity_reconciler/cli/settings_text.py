"""The first `instance.yaml` of a repository."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from identity_reconciler.declared import Ignore

if TYPE_CHECKING:
    from identity_reconciler.declared import Instance
    from identity_reconciler.state import Group, State, User

IGNORED = Ignore(
    groups=(
        "AWSAccountFactory*",
        "AWSAuditAccount*",
        "AWSControlTower*",
        "AWSLogArchive*",
        "AWSSecurity*",
        "AWSServiceCatalog*",
    )
)
"""What Control Tower makes and depends on."""


def settings_text(instance: Instance, live: State) -> str:
    """Return settings for *instance*, of which *live* is what there is."""
    from identity_reconciler.desired.writing import scalar

    delegated = instance.delegated_administrator
    lines = [
        "# Which instance of IAM Identity Center this is about, and how much of it is managed.",
        "instance:",
        f"  name: {scalar(instance.name)}",
        f"  region: {scalar(instance.region)}",
        f'  account_id: "{instance.account_id}"',
        *([f'  delegated_administrator: "{delegated}"'] if delegated else []),
        f"  instance_arn: {instance.instance_arn}",
        f"  identity_store_id: {instance.identity_store_id}",
        "",
        "manage:",
        f"  users: {_mode(live.users.values())}",
        "  groups: declared # deletion needs `state: absent`",
        "  memberships: authoritative # who is not listed in a group is removed from it",
        "  assignments: authoritative",
        "",
        "# Control Tower makes these groups and depends on them.",
        "ignore:",
        "  groups:",
        *(f"    - {pattern}" for pattern in IGNORED.groups),
    ]
    return "".join(f"{line}\n" for line in lines)


def _mode(objects: Collection[User] | Collection[Group]) -> str:
    if objects and all(one.foreign for one in objects):
        return "reference # an identity provider owns all of them"
    return "declared # deletion needs `state: absent`"
