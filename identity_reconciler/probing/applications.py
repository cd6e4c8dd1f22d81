"""Probes of applications and of who is assigned to them."""

from __future__ import annotations

from identity_reconciler.probing.asking import NOBODY
from identity_reconciler.probing.bench import Bench
from identity_reconciler.probing.observations import (
    REFUSED,
    NotMeasuredError,
    Observation,
    chosen,
)
from identity_reconciler.probing.probe import Probe, Switch, allowed_by, refused_by

_STAYS = {True: "stays", False: "gone"}
_MOST_GROUPS = 100
"""Groups that may be assigned to an application. Documented: userguide, limits."""
_NOT_CONFIGURABLE = "applicationProvider/client-vpn"
"""Observed to refuse the configuration of assignments: terraform-aws-iam-identity-center 71."""


def _assigned(bench: Bench) -> tuple[str, str]:
    """Return an application and the group that is assigned to it."""
    application, group = bench.application(), bench.group()
    bench.prepare(lambda: bench.assign(application, "GROUP", group))
    return application, group


def _name_twice(bench: Bench) -> Observation:
    name = bench.name()
    bench.application(name)
    return bench.settled_attempt(lambda: bench.application(name))


def _twice(bench: Bench) -> Observation:
    application, group = _assigned(bench)
    return bench.settled_attempt(lambda: bench.assign(application, "GROUP", group))


def _removed_twice(bench: Bench) -> Observation:
    application, group = _assigned(bench)
    bench.prepare(lambda: bench.unassign(application, "GROUP", group))
    return bench.settled_attempt(lambda: bench.unassign(application, "GROUP", group))


def _to_nobody(bench: Bench) -> Observation:
    application = bench.application()
    return bench.settled_attempt(lambda: bench.assign(application, "USER", NOBODY))


def _to_nothing(bench: Bench) -> Observation:
    group = bench.group()
    nothing = f"{bench.application().rpartition('-')[0]}-{'0' * 16}"
    return bench.settled_attempt(lambda: bench.assign(nothing, "GROUP", group))


def _orphaned(bench: Bench) -> tuple[str, str]:
    """Return an application and the deleted group that was assigned to it."""
    application, group = _assigned(bench)
    bench.see(lambda: _is_assigned(bench, application, group))
    bench.store.delete_group(IdentityStoreId=bench.site.store_id, GroupId=group)
    return application, group


def _is_assigned(bench: Bench, application: str, principal: str) -> bool:
    answer = bench.admin.list_application_assignments(ApplicationArn=application)
    return any(one.get("PrincipalId") == principal for one in answer["ApplicationAssignments"])


def _after_its_principal(bench: Bench) -> Observation:
    application, group = _orphaned(bench)
    return chosen(
        _STAYS,
        lambda: bench.settled(lambda: _is_assigned(bench, application, group), expected=False),
    )


def _orphan_removed(bench: Bench) -> Observation:
    application, group = _orphaned(bench)
    if not _is_assigned(bench, application, group):
        raise NotMeasuredError("assignments go with their principal")
    return bench.settled_attempt(lambda: bench.unassign(application, "GROUP", group))


def _through_a_group(bench: Bench) -> Observation:
    application, group = _assigned(bench)
    user = bench.user()
    bench.prepare(lambda: bench.join(group, user))
    return chosen(
        {True: "included", False: "left out"},
        lambda: bench.settled(
            lambda: (application, group) in bench.assignments_of("USER", user), expected=True
        ),
    )


def _disabled(bench: Bench) -> Observation:
    application, group = bench.application(), bench.group()
    bench.prepare(
        lambda: bench.admin.update_application(ApplicationArn=application, Status="DISABLED")
    )
    return bench.settled_attempt(lambda: bench.assign(application, "GROUP", group))


def _after_its_application(bench: Bench) -> Observation:
    application, group = _assigned(bench)
    bench.see(lambda: (application, group) in bench.assignments_of("GROUP", group))
    bench.prepare(lambda: bench.admin.delete_application(ApplicationArn=application))
    return chosen(
        _STAYS,
        lambda: bench.settled(
            lambda: (application, group) in bench.assignments_of("GROUP", group), expected=False
        ),
    )


def _one_group_too_many(bench: Bench) -> Observation:
    application = bench.application()
    for _ in range(_MOST_GROUPS):
        group = bench.group()
        bench.prepare(lambda group=group: bench.assign(application, "GROUP", group))  # type: ignore[misc]
    last = bench.group()
    return bench.settled_attempt(lambda: bench.assign(application, "GROUP", last))


def _configuration(bench: Bench) -> Observation:
    """Read the configuration of an application that is there; nothing is written to it."""
    pages = bench.admin.get_paginator("list_applications").paginate(
        InstanceArn=bench.site.instance_arn
    )
    for page in pages:
        for item in page["Applications"]:
            arn = item["ApplicationArn"]
            if item.get("ApplicationProviderArn", "").endswith(_NOT_CONFIGURABLE):
                return bench.attempt(
                    lambda arn=arn: bench.admin.get_application_assignment_configuration(  # type: ignore[misc]
                        ApplicationArn=arn
                    )
                )
    raise NotMeasuredError("the instance has no application of AWS Client VPN")


APPLICATIONS = (
    Probe("application-name-twice", "a second application of the same name", _name_twice),
    Probe(
        "assignment-twice",
        "an assignment that exists",
        _twice,
        Switch("existing_assignment", {"accepted": "success", REFUSED: "conflict"}),
    ),
    Probe(
        "assignment-removed-twice",
        "removing an assignment again",
        _removed_twice,
        refused_by("missing_assignment_is_error"),
    ),
    Probe(
        "assignment-of-nobody",
        "an assignment of a user that does not exist",
        _to_nobody,
        refused_by("principal_must_exist"),
    ),
    Probe(
        "assignment-to-nothing", "an assignment to an application that does not exist", _to_nothing
    ),
    Probe(
        "assignment-after-principal",
        "an assignment after its group is deleted",
        _after_its_principal,
    ),
    Probe(
        "orphan-removed",
        "removing an assignment whose group is deleted",
        _orphan_removed,
        allowed_by("orphan_can_be_unassigned"),
    ),
    Probe(
        "assignment-through-group",
        "a group's assignment in the list of its member",
        _through_a_group,
        Switch("assignments_through_groups", {"included": True, "left out": False}),
    ),
    Probe(
        "assignment-to-disabled",
        "an assignment to a disabled application",
        _disabled,
        allowed_by("disabled_applications_take_assignments"),
    ),
    Probe(
        "assignment-after-application",
        "an assignment after its application is deleted",
        _after_its_application,
        Switch("deleted_application_loses_assignments", {"gone": True, "stays": False}),
    ),
    Probe("groups-of-application", "the 101st group of an application", _one_group_too_many),
    Probe(
        "configuration-readable",
        "the assignment configuration of an application that cannot be configured",
        _configuration,
        allowed_by("assignment_configuration_always_readable"),
    ),
)
"""In the order of the table."""
