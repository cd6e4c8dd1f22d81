"""Probes of who has a permission set in an account: the instance's own."""

from __future__ import annotations

from identity_reconciler.probing.asking import NOBODY
from identity_reconciler.probing.bench import Bench
from identity_reconciler.probing.observations import ACCEPTED, REFUSED, Observation, chosen
from identity_reconciler.probing.probe import Probe, Switch, refused_by

_STAYS = {True: "stays", False: "gone"}


def _given(bench: Bench) -> tuple[str, str]:
    """Return a permission set and the group that has it."""
    permission_set, group = bench.permission_set(), bench.group()
    bench.prepare(lambda: bench.give_account(permission_set, "GROUP", group))
    return permission_set, group


def _twice(bench: Bench) -> Observation:
    permission_set, group = _given(bench)
    return bench.settled_attempt(lambda: bench.give_account(permission_set, "GROUP", group))


def _taken_twice(bench: Bench) -> Observation:
    permission_set, group = _given(bench)
    bench.prepare(lambda: bench.take_account(permission_set, "GROUP", group))
    return bench.settled_attempt(lambda: bench.take_account(permission_set, "GROUP", group))


def _to_nobody(bench: Bench) -> Observation:
    permission_set = bench.permission_set()
    return bench.settled_attempt(lambda: bench.give_account(permission_set, "USER", NOBODY))


def _after_its_principal(bench: Bench) -> Observation:
    permission_set, group = _given(bench)
    bench.see(lambda: ("GROUP", group) in bench.with_account(permission_set))
    bench.store.delete_group(IdentityStoreId=bench.site.store_id, GroupId=group)
    return chosen(
        _STAYS,
        lambda: bench.settled(
            lambda: ("GROUP", group) in bench.with_account(permission_set), expected=False
        ),
    )


def _through_a_group(bench: Bench) -> Observation:
    permission_set, group = _given(bench)
    user = bench.user()
    bench.prepare(lambda: bench.join(group, user))
    seen: list[Observation] = []

    def listed() -> bool:
        answer: list[str] = []

        def ask() -> None:
            page = bench.admin.list_account_assignments_for_principal(
                InstanceArn=bench.site.instance_arn, PrincipalType="USER", PrincipalId=user
            )
            answer.extend(one.get("PermissionSetArn", "") for one in page["AccountAssignments"])

        seen.append(bench.attempt(ask))
        return permission_set in answer

    found = bench.settled(listed, expected=True)
    if seen[-1].answer != ACCEPTED:
        return seen[-1]
    return Observation("included" if found else "left out")


ACCOUNTS = (
    Probe(
        "account-twice",
        "an account assignment that exists",
        _twice,
        Switch("existing_account_assignment", {ACCEPTED: "success", REFUSED: "conflict"}),
    ),
    Probe(
        "account-taken-twice",
        "removing an account assignment again",
        _taken_twice,
        refused_by("missing_account_assignment_is_error"),
    ),
    Probe("account-of-nobody", "an account assignment of a user that does not exist", _to_nobody),
    Probe(
        "account-after-principal",
        "an account assignment after its group is deleted",
        _after_its_principal,
    ),
    Probe(
        "account-through-group",
        "a group's account assignment in the list of its member",
        _through_a_group,
        Switch("account_access_through_groups", {"included": True, "left out": False}),
    ),
)
"""In the order of the table."""
