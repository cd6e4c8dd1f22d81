"""Probes of account access manager: of an application of their own, where there is none."""

from __future__ import annotations

from identity_reconciler.probing.asking import NOBODY
from identity_reconciler.probing.bench import Bench
from identity_reconciler.probing.observations import (
    ACCEPTED,
    REFUSED,
    Observation,
    chosen,
)
from identity_reconciler.probing.probe import Probe, Switch, refused_by

_NO_ACCOUNT = "000000000000"
_STAYS = {True: "stays", False: "gone"}
_INCLUDED = {True: "included", False: "left out"}


def _entitled(bench: Bench) -> tuple[str, str, str]:
    """Return an application, a group and the id of the entitlement that it has there."""
    (application, _), group, role = bench.access_manager(), bench.group(), bench.role()
    made = bench.prepare(lambda: bench.entitle(application, "group", group, role))
    return application, group, made


def _other_tags(bench: Bench) -> Observation:
    _, tag = bench.access_manager()
    # With the tag of the run: should it make another one, that is removed as well.
    return bench.attempt(
        lambda: bench.access.create_application(
            identitySource=bench.identity_source, tags={tag: "other"}
        )
    )


def _twice(bench: Bench) -> Observation:
    (application, _), group, role = bench.access_manager(), bench.group(), bench.role()
    first = bench.prepare(lambda: bench.entitle(application, "group", group, role))
    made: list[str] = []
    found = bench.settled_attempt(
        lambda: made.append(bench.entitle(application, "group", group, role))
    )
    return Observation("the same" if made[-1] == first else "another") if made else found


def _taken_twice(bench: Bench) -> Observation:
    application, _, made = _entitled(bench)

    def take() -> None:
        bench.access.delete_entitlement(applicationArn=application, entitlementId=made)

    bench.prepare(take)
    return bench.settled_attempt(take)


def _read_when_gone(bench: Bench) -> Observation:
    application, _, made = _entitled(bench)
    bench.access.delete_entitlement(applicationArn=application, entitlementId=made)
    return bench.settled_attempt(
        lambda: bench.access.get_entitlement(applicationArn=application, entitlementId=made)
    )


def _role_not_there(bench: Bench) -> Observation:
    (application, _), group = bench.access_manager(), bench.group()
    role = bench.role()
    return bench.settled_attempt(lambda: bench.entitle(application, "group", group, role))


def _of_nobody(bench: Bench) -> Observation:
    (application, _), role = bench.access_manager(), bench.role()
    return bench.settled_attempt(lambda: bench.entitle(application, "user", NOBODY, role))


def _elsewhere(bench: Bench) -> Observation:
    (application, _), group = bench.access_manager(), bench.group()
    role = bench.role(_NO_ACCOUNT)
    return bench.settled_attempt(lambda: bench.entitle(application, "group", group, role))


def _after_its_principal(bench: Bench) -> Observation:
    application, group, made = _entitled(bench)
    bench.see(lambda: made in bench.entitled(application, "group", group))
    bench.store.delete_group(IdentityStoreId=bench.site.store_id, GroupId=group)
    return chosen(
        _STAYS,
        lambda: bench.settled(
            lambda: made in bench.entitled(application, "group", group), expected=False
        ),
    )


def _through_a_group(bench: Bench) -> Observation:
    application, group, made = _entitled(bench)
    user = bench.user()
    bench.prepare(lambda: bench.join(group, user))
    return chosen(
        _INCLUDED,
        lambda: bench.settled(
            lambda: made in bench.entitled(application, "user", user), expected=True
        ),
    )


def _as_assignment(bench: Bench) -> Observation:
    application, group, _ = _entitled(bench)
    source = bench.access.get_application(applicationArn=application)["identitySource"]
    there = source["identityCenter"]["applicationArn"]
    return chosen(
        _INCLUDED,
        lambda: bench.settled(
            lambda: (there, group) in bench.assignments_of("GROUP", group), expected=True
        ),
    )


ACCESS_MANAGER = (
    Probe(
        "manager-other-tags",
        "an account access manager that exists, with another tag",
        _other_tags,
        Switch("access_manager_tags_must_match", {ACCEPTED: False, REFUSED: True}),
    ),
    Probe("entitlement-twice", "an entitlement that exists", _twice),
    Probe("entitlement-taken-twice", "removing an entitlement again", _taken_twice),
    Probe("entitlement-gone", "reading an entitlement that was removed", _read_when_gone),
    Probe(
        "entitlement-no-role",
        "an entitlement to a role that does not exist",
        _role_not_there,
    ),
    Probe(
        "entitlement-of-nobody",
        "an entitlement of a user that does not exist",
        _of_nobody,
        refused_by("entitled_principal_must_exist"),
    ),
    Probe(
        "entitlement-elsewhere",
        "an entitlement to a role of an account that does not exist",
        _elsewhere,
        refused_by("entitled_account_must_exist"),
    ),
    Probe(
        "entitlement-after-principal",
        "an entitlement after its group is deleted",
        _after_its_principal,
        Switch("cascade_entitlements", {"gone": True, "stays": False}),
    ),
    Probe(
        "entitlement-through-group",
        "a group's entitlement in the list of its member",
        _through_a_group,
        Switch("entitlements_through_groups", {"included": True, "left out": False}),
    ),
    Probe(
        "entitlement-assignment",
        "an entitlement among the assignments of the application in IAM Identity Center",
        _as_assignment,
        Switch("entitlements_are_assignments", {"included": True, "left out": False}),
    ),
)
"""In the order of the table."""
