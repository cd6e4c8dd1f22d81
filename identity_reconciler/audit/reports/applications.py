"""The applications, and who is assigned to them. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from identity_reconciler.audit.inspection import Inspection, Site
from identity_reconciler.audit.paths import applications, openings, standing
from identity_reconciler.audit.report import (
    INSTANCE,
    Column,
    Report,
    Row,
    number_of,
    ordered,
)
from identity_reconciler.audit.reports.access import (
    ACCOUNT,
    APPLICATION,
    APPLICATION_ARN,
    ONLY_APPLICATIONS,
    members_of_assigned,
    notes,
)
from identity_reconciler.core.state import (
    Application,
    ApplicationArn,
    GroupKey,
    Principal,
    PrincipalKind,
    State,
    UserKey,
)
from identity_reconciler.gateway import Wanted


@dataclass(frozen=True, slots=True)
class ApplicationsQuestion:
    """Which applications are there, and how many people can open each?"""

    @property
    def wanted(self) -> Wanted:
        """See Question. Of the groups only those that are assigned have their members counted."""
        return Wanted(
            users=True,
            groups=True,
            applications=True,
            assignments_of=lambda _: True,
            then=members_of_assigned,
        )

    def answer(self, inspection: Inspection) -> Report:
        """See Question."""
        rows = (row for site in inspection.sites for row in self.rows(site))
        known = [one for site in inspection.sites for one in site.state.applications.values()]
        return Report(
            "applications", "Applications", self.columns, ordered(rows), notes(inspection, known)
        )

    @property
    def columns(self) -> tuple[Column, ...]:
        """See SiteQuestion."""
        return (
            INSTANCE,
            APPLICATION,
            Column("assignment_required", "yes, no (everyone can open it), or unknown"),
            Column("users", "How many users are assigned directly"),
            Column("groups", "How many groups are assigned"),
            Column("deleted", "How many assignments are left of deleted principals"),
            Column("people", "How many people can open it"),
            APPLICATION_ARN,
            Column("provider_arn", "ARN of the application provider", detail=True),
            ACCOUNT,
        )

    def rows(self, site: Site) -> Iterator[Row]:
        """See SiteQuestion."""
        return _applications(site)


_REQUIRED = {True: "yes", False: "no", None: "unknown"}


def _applications(site: Site) -> Iterator[Row]:
    people: dict[ApplicationArn, set[UserKey]] = {}
    for opening in openings(site.state):
        people.setdefault(opening.application, set()).add(opening.user)
    for arn, application in applications(site.state).items():
        assigned = site.state.assignments.get(arn, frozenset())
        live = [one.kind for one in assigned if not one.orphan]
        yield (
            site.name,
            application.name or arn,
            _REQUIRED[application.assignment_required],
            str(live.count(PrincipalKind.USER)),
            str(live.count(PrincipalKind.GROUP)),
            str(len(assigned) - len(live)),
            str(len(people.get(arn, ()))),
            arn,
            application.provider or "",
            application.account or "",
        )


@dataclass(frozen=True, slots=True)
class AssignmentsQuestion:
    """Who and what is assigned to which application? One row for each assignment."""

    @property
    def wanted(self) -> Wanted:
        """See Question. No members: an assignment names a user or a group."""
        return Wanted(users=True, groups=True, applications=True, assignments_of=lambda _: True)

    def answer(self, inspection: Inspection) -> Report:
        """See Question."""
        rows = (row for site in inspection.sites for row in self.rows(site))
        open_ones = sum(
            one.assignment_required is False
            for site in inspection.sites
            for one in site.state.applications.values()
        )
        everyone = (
            (f"{number_of(open_ones, 'application')} can be opened without an assignment.",)
            if open_ones
            else ()
        )
        title = "Assignments to applications"
        report_notes = (ONLY_APPLICATIONS, *everyone)
        return Report("assignments", title, self.columns, ordered(rows), report_notes)

    @property
    def columns(self) -> tuple[Column, ...]:
        """See SiteQuestion."""
        return (
            INSTANCE,
            APPLICATION,
            Column("principal_type", "USER or GROUP, as in the API"),
            Column("principal", "Name of the user or group; of a deleted one its PrincipalId"),
            Column("principal_status", "enabled, disabled, unknown, deleted; of groups: present"),
            APPLICATION_ARN,
            ACCOUNT,
        )

    def rows(self, site: Site) -> Iterator[Row]:
        """See SiteQuestion."""
        for arn, application in applications(site.state).items():
            for principal in site.state.assignments.get(arn, ()):
                yield _assignment(site, application, principal)


def _assignment(site: Site, application: Application, principal: Principal) -> Row:
    name, status = _described(site.state, principal)
    return (
        site.name,
        application.name or application.arn,
        principal.kind.upper(),
        name,
        status,
        application.arn,
        application.account or "",
    )


def _described(state: State, principal: Principal) -> tuple[str, str]:
    if principal.orphan:
        return principal.name, "deleted"
    if principal.kind is PrincipalKind.GROUP:
        return state.group_name(GroupKey(principal.name)), "present"
    key = UserKey(principal.name)
    return state.user_name(key), standing(state.users.get(key))
