"""Probes of permission sets: their policies, and how they come into accounts and leave them."""

from __future__ import annotations

from identity_reconciler.probing.bench import Bench
from identity_reconciler.probing.observations import ACCEPTED, REFUSED, Observation, chosen
from identity_reconciler.probing.probe import Probe, Switch, refused_by

_POLICY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
_NO_ACCOUNT = "000000000000"


def _name_twice(bench: Bench) -> Observation:
    name = bench.name()
    bench.permission_set(name)
    return bench.settled_attempt(lambda: bench.permission_set(name))


def _relay_state(bench: Bench) -> Observation:
    instance, arn, admin = bench.site.instance_arn, bench.permission_set(), bench.admin
    bench.prepare(
        lambda: admin.update_permission_set(
            InstanceArn=instance, PermissionSetArn=arn, RelayState="https://example.com/"
        )
    )
    bench.prepare(
        lambda: admin.update_permission_set(
            InstanceArn=instance, PermissionSetArn=arn, Description="Probe"
        )
    )
    shown = admin.describe_permission_set(InstanceArn=instance, PermissionSetArn=arn)
    return chosen(
        {True: "stays", False: "gone"}, lambda: bool(shown["PermissionSet"].get("RelayState"))
    )


def _no_inline_policy(bench: Bench) -> Observation:
    answer = bench.admin.get_inline_policy_for_permission_set(
        InstanceArn=bench.site.instance_arn, PermissionSetArn=bench.permission_set()
    )
    return chosen({True: "an empty text", False: "absent"}, lambda: "InlinePolicy" in answer)


def _policy_not_there(bench: Bench) -> Observation:
    arn = bench.permission_set()
    return bench.settled_attempt(
        lambda: bench.admin.detach_managed_policy_from_permission_set(
            InstanceArn=bench.site.instance_arn, PermissionSetArn=arn, ManagedPolicyArn=_POLICY
        )
    )


def _after_the_last(bench: Bench) -> Observation:
    arn, group = bench.permission_set(), bench.group()
    bench.prepare(lambda: bench.give_account(arn, "GROUP", group))
    bench.see(lambda: arn in bench.in_account())
    bench.prepare(lambda: bench.take_account(arn, "GROUP", group))
    return chosen(
        {True: "stays", False: "gone"},
        lambda: bench.settled(lambda: arn in bench.in_account(), expected=False),
    )


def _for_nobody(bench: Bench) -> Observation:
    arn = bench.permission_set()
    ends: list[bool] = []
    seen = bench.settled_attempt(lambda: ends.append(bench.provision(arn, bench.site.account)))
    return Observation("fails") if seen.answer == ACCEPTED and not ends[-1] else seen


def _somewhere(bench: Bench) -> Observation:
    arn = bench.permission_set()
    return bench.settled_attempt(lambda: bench.provision(arn, None))


def _in_no_account(bench: Bench) -> Observation:
    return bench.attempt(
        lambda: bench.admin.list_permission_sets_provisioned_to_account(
            InstanceArn=bench.site.instance_arn, AccountId=_NO_ACCOUNT
        )
    )


PERMISSION_SETS = (
    Probe(
        "permission-set-name-twice",
        "a second permission set of the same name",
        _name_twice,
        refused_by("unique_permission_set_names"),
    ),
    Probe(
        "relay-state",
        "a RelayState after an update that does not give it",
        _relay_state,
        Switch("update_clears_relay_state", {"gone": True, "stays": False}),
    ),
    Probe(
        "inline-policy-missing",
        "the inline policy of a permission set that has none",
        _no_inline_policy,
        Switch("missing_inline_policy_is_empty", {"an empty text": True, "absent": False}),
    ),
    Probe(
        "policy-detached",
        "detaching a policy that is not attached",
        _policy_not_there,
        refused_by("missing_policy_is_error"),
    ),
    Probe(
        "provisioned-after-last",
        "a permission set in an account after its last assignment there",
        _after_the_last,
        Switch("last_assignment_deprovisions", {"gone": True, "stays": False}),
    ),
    Probe(
        "provisioned-for-nobody",
        "provisioning a permission set that nobody has there",
        _for_nobody,
        Switch("provisioning_needs_an_assignment", {"fails": True, REFUSED: True, ACCEPTED: False}),
    ),
    Probe(
        "provisioned-somewhere",
        "provisioning to AWS_ACCOUNT without naming it",
        _somewhere,
        refused_by("provisioning_names_its_account"),
    ),
    Probe(
        "account-unknown",
        "the permission sets of an account that does not exist",
        _in_no_account,
        refused_by("account_must_exist"),
    ),
)
"""In the order of the table."""
