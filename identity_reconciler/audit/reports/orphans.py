"""What is left over: assignments of nobody, groups of nobody, people with nothing. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from identity_reconciler.audit.inspection import Inspection, Site
from identity_reconciler.audit.paths import account_ways, applications, openings, standing
from identity_reconciler.audit.report import (
    INSTANCE,
    WITH_ACCOUNTS,
    Column,
    Report,
    Row,
    number_of,
    ordered,
)
from identity_reconciler.audit.reports.access import APPLICATION_ARN, accounts_notes
from identity_reconciler.core.declared import Declared
from identity_reconciler.core.state import (
    GroupKey,
    PrincipalKind,
    State,
    UserKey,
    group_key,
    user_key,
)
from identity_reconciler.gateway import Wanted


class OrphanKind(StrEnum):
    """What is the matter with an object."""

    DELETED_PRINCIPAL = "assignment of a deleted principal"
    DISABLED_WITH_ACCESS = "disabled user who still has access"
    EMPTY_GROUP = "group without members"
    GROUP_WITHOUT_ACCESS = "group without access to any application"
    USER_WITHOUT_ACCESS = "user without access to any application"
    NOT_DECLARED = "not in the YAML"


_Found = tuple[OrphanKind, str, str, str, str]
"""Finding, kind, name, detail and application ARN."""


@dataclass(frozen=True, slots=True)
class OrphansQuestion:
    """What hangs loose?"""

    @property
    def wanted(self) -> Wanted:
        """See Question."""
        return WITH_ACCOUNTS

    def answer(self, inspection: Inspection) -> Report:
        """See Question."""
        rows = ordered(row for site in inspection.sites for row in self.rows(site))
        unasked = sum(site.declared is None for site in inspection.sites)
        said = (
            f"{number_of(unasked, 'instance')} not compared with YAML: there was none at hand."
            if unasked
            else "Compared with the YAML."
        )
        title = "Orphans and loose ends"
        return Report(
            "orphans",
            title,
            self.columns,
            rows,
            (*accounts_notes(inspection), said),
            alarms=len(rows),
        )

    @property
    def columns(self) -> tuple[Column, ...]:
        """See SiteQuestion."""
        return (
            INSTANCE,
            Column("finding", "What is the matter"),
            Column("kind", "user, group, application or assignment"),
            Column("name", "Its name; of a deleted principal the PrincipalId"),
            Column("detail", "More about it, such as the applications that are concerned"),
            APPLICATION_ARN,
        )

    def rows(self, site: Site) -> Iterator[Row]:
        """See SiteQuestion."""
        return ((site.name, *one) for one in _findings(site))


def _findings(site: Site) -> Iterator[_Found]:
    yield from _deleted_principals(site.state)
    yield from _groups(site.state)
    yield from _users(site.state)
    if site.declared is not None:
        yield from _undeclared(site.state, site.declared)


def _deleted_principals(state: State) -> Iterator[_Found]:
    for arn, application in applications(state).items():
        for one in state.assignments.get(arn, ()):
            if one.orphan:
                detail = f"{one.kind} assigned to {application.name or arn}"
                yield (OrphanKind.DELETED_PRINCIPAL, "assignment", one.name, detail, arn)
    for principal, roles in state.account_access.items():
        for role in roles if principal.orphan else ():
            detail = f"{principal.kind} has {role}"
            yield (OrphanKind.DELETED_PRINCIPAL, "assignment", principal.name, detail, role.arn)


def _groups(state: State) -> Iterator[_Found]:
    assigned = {
        GroupKey(one.name)
        for found in state.assignments.values()
        for one in found
        if one.kind is PrincipalKind.GROUP and not one.orphan
    } | {
        GroupKey(one.name)
        for one, roles in state.account_access.items()
        if roles and one.kind is PrincipalKind.GROUP and not one.orphan
    }
    for key, group in state.groups.items():
        if not state.members.get(key):
            yield (OrphanKind.EMPTY_GROUP, "group", group.name, "", "")
        if key not in assigned:
            yield (OrphanKind.GROUP_WITHOUT_ACCESS, "group", group.name, "", "")


def _users(state: State) -> Iterator[_Found]:
    known = applications(state)
    reached: dict[UserKey, set[str]] = {}
    for opening in openings(state):
        name = known[opening.application].name or opening.application
        reached.setdefault(opening.user, set()).add(name)
    for entry in account_ways(state):
        reached.setdefault(entry.user, set()).add(str(entry.role))
    for key, user in state.users.items():
        found = reached.get(key, set())
        if not found:
            yield (OrphanKind.USER_WITHOUT_ACCESS, "user", user.user_name, "", "")
        elif standing(user) == "disabled":
            names = ", ".join(sorted(found))
            yield (OrphanKind.DISABLED_WITH_ACCESS, "user", user.user_name, names, "")


def _undeclared(state: State, declared: Declared) -> Iterator[_Found]:
    users = {user_key(one.name) for one in declared.users}
    groups = {group_key(one.name) for one in declared.groups}
    for key, user in state.users.items():
        if key not in users:
            owner = "owned by an external identity provider" if user.foreign else ""
            yield (OrphanKind.NOT_DECLARED, "user", user.user_name, owner, "")
    for group_name, group in state.groups.items():
        if group_name not in groups:
            owner = "owned by an external identity provider" if group.foreign else ""
            yield (OrphanKind.NOT_DECLARED, "group", group.name, owner, "")
    for arn, application in state.applications.items():
        if not any(one.selector.matches(application) for one in declared.applications):
            yield (OrphanKind.NOT_DECLARED, "application", application.name, "", arn)
