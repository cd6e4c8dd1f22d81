"""Who can open which application, by every path. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from identity_reconciler.audit.inspection import Inspection, Site
from identity_reconciler.audit.paths import (
    AccountWay,
    Opening,
    account_ways,
    applications,
    email_of,
    openings,
    standing,
)
from identity_reconciler.audit.report import (
    INSTANCE,
    WITH_ACCOUNTS,
    Column,
    Facet,
    Report,
    Row,
    number_of,
    ordered,
    require_known,
)
from identity_reconciler.audit.reports.people import DISPLAY_NAME, EMAIL, GROUP, STATUS, USER_NAME
from identity_reconciler.core.access import Path, Route
from identity_reconciler.core.state import (
    Application,
    Group,
    GroupName,
    Principal,
    PrincipalKind,
    State,
    User,
    UserKey,
    UserName,
    folded,
    group_key,
    user_key,
)
from identity_reconciler.gateway import Wanted

APPLICATION = Column(
    "application",
    "Name of the application, or its ARN where there is none; or what is had in an AWS account",
    Facet.APPLICATION,
)
APPLICATION_ARN = Column(
    "application_arn",
    "ARN of the application, permission set or role",
    detail=True,
    tells_apart=APPLICATION.name,
)
ACCOUNT = Column(
    "application_account", "Account that the application lives in, or that is had", detail=True
)

ACCESS_COLUMNS = (
    INSTANCE,
    USER_NAME,
    APPLICATION,
    Column("path", "directly, through a group, or everyone: no assignment required"),
    replace(GROUP, detail=True),
    replace(DISPLAY_NAME, detail=True),
    EMAIL,
    STATUS,
    APPLICATION_ARN,
    ACCOUNT,
)
ONLY_APPLICATIONS = (
    "Only applications are looked at. Access to AWS accounts through permission sets is not."
)


@dataclass(frozen=True, slots=True)
class AccessQuestion:
    """Who can open which application, and how? One row for each path."""

    user: str | None = None
    group: str | None = None
    """Only paths through this group."""
    application: str | None = None
    """Name or ARN. Names of applications need not be unique, so this may be several."""

    @property
    def wanted(self) -> Wanted:
        """See Question. What hangs on one user, group or application, where one is asked about."""
        if self.user is not None:
            return self._of_user(UserName(self.user))
        if self.group is not None:
            group = Principal(PrincipalKind.GROUP, group_key(self.group))
            return Wanted(
                named=(Group(GroupName(self.group)),),
                applications=True,
                memberships_of=(group,),
                assignments_to=(group,),
                account_access=(group,) if self._is_about_accounts else (),
            )
        if self.application is None:
            return WITH_ACCOUNTS
        return Wanted(
            users=True,
            groups=True,
            applications=True,
            assignments_of=self._is_asked_about,
            then=members_of_assigned,
        )

    def _of_user(self, name: UserName) -> Wanted:
        user = Principal(PrincipalKind.USER, user_key(name))
        whole = Wanted(
            named=(User(name),),
            applications=True,
            memberships_of=(user,),
            account_access=(user,) if self._is_about_accounts else (),
            then=self._of_groups,
        )
        if self.group is None:
            return replace(whole, assignments_to=(user,), required_of=self._is_asked_about)
        return replace(whole, mentioned=(Group(GroupName(self.group)),))

    def _of_groups(self, live: State) -> Wanted:
        """Return what to read when the groups of the user are known: what they give access to."""
        chosen = None if self.group is None else group_key(self.group)
        keys = [key for key in sorted(live.members) if chosen in {None, key}]
        groups = tuple(Principal(PrincipalKind.GROUP, key) for key in keys)
        accounts = groups if self._is_about_accounts else ()
        return Wanted(assignments_to=groups, account_access=accounts)

    @property
    def _is_about_accounts(self) -> bool:
        """Whether access to AWS accounts belongs to the answer."""
        return self.application is None

    def answer(self, inspection: Inspection) -> Report:
        """See Question."""
        self._require_known(inspection)
        asked = [
            one
            for site in inspection.sites
            for one in site.state.applications.values()
            if self._is_asked_about(one)
        ]
        rows = (row for site in inspection.sites for row in self.rows(site))
        # Through a group one gets in whether or not an assignment is required.
        doubtful = asked if self.group is None else ()
        said = notes(inspection, doubtful, accounts=self._is_about_accounts)
        return Report("access", self._title(), self.columns, ordered(rows), said)

    @property
    def columns(self) -> tuple[Column, ...]:
        """See SiteQuestion."""
        return ACCESS_COLUMNS

    def rows(self, site: Site) -> Iterator[Row]:
        """See SiteQuestion."""
        for opening in openings(site.state):
            if self._is_chosen(site.state, opening):
                yield self._row(site, opening)
        if self._is_about_accounts:
            for entry in account_ways(site.state):
                if self._is_about(entry.user, entry.path):
                    yield _account_row(site, entry)

    def _title(self) -> str:
        about = (("user", self.user), ("group", self.group), ("application", self.application))
        chosen = ", ".join(f"{label} {name}" for label, name in about if name is not None)
        return f"Access: {chosen}" if chosen else "Access to all applications"

    def _require_known(self, inspection: Inspection) -> None:
        states = [site.state for site in inspection.sites]
        if self.user is not None:
            names = [name for site in inspection.sites for name in site.user_names]
            known = any(user_key(self.user) in state.users for state in states)
            require_known("user", self.user, names, found=known)
        if self.group is not None:
            names = [name for site in inspection.sites for name in site.group_names]
            known = any(group_key(self.group) in state.groups for state in states)
            require_known("group", self.group, names, found=known)
        if self.application is not None:
            found = [one for state in states for one in applications(state).values()]
            known = any(map(self._is_asked_about, found))
            names = [one.name for one in found]
            require_known("application", self.application, names, found=known)

    def _is_asked_about(self, application: Application) -> bool:
        if self.application is None:
            return True
        names = {folded(application.name), folded(application.arn)}
        return folded(self.application) in names

    def _is_chosen(self, state: State, opening: Opening) -> bool:
        if not self._is_about(opening.user, opening.path):
            return False
        application = state.applications.get(opening.application)
        return self._is_asked_about(application or Application(opening.application, ""))

    def _is_about(self, user: UserKey, path: Path) -> bool:
        if self.user is not None and user != user_key(self.user):
            return False
        through = path.route is Route.GROUP and group_key(path.group)
        return self.group is None or through == group_key(self.group)

    def _row(self, site: Site, opening: Opening) -> Row:
        user = site.state.users.get(opening.user)
        application = site.state.applications.get(opening.application)
        return (
            site.name,
            site.state.user_name(opening.user),
            (application.name if application else "") or opening.application,
            str(opening.path),
            opening.path.group,
            (user.display_name if user else None) or "",
            email_of(user),
            standing(user),
            opening.application,
            (application.account if application else None) or "",
        )


def members_of_assigned(live: State) -> Wanted:
    """Return what to read when the assignments are known: the members of the groups in them."""
    groups = {
        one
        for found in live.assignments.values()
        for one in found
        if one.kind is PrincipalKind.GROUP and not one.orphan
    }
    return Wanted(memberships_of=tuple(sorted(groups)))


def _account_row(site: Site, entry: AccountWay) -> Row:
    user = site.state.users.get(entry.user)
    return (
        site.name,
        site.state.user_name(entry.user),
        str(entry.role),
        str(entry.path),
        entry.path.group,
        (user.display_name if user else None) or "",
        email_of(user),
        standing(user),
        entry.role.arn,
        entry.role.account,
    )


def accounts_notes(inspection: Inspection) -> tuple[str, ...]:
    """Return what has to be said about access to AWS accounts that was not looked at."""
    whole = all(site.accounts for site in inspection.sites)
    return (*(() if whole else (ONLY_APPLICATIONS,)), *denied_notes(inspection))


def denied_notes(inspection: Inspection) -> tuple[str, ...]:
    """Return what of the access to AWS accounts was asked for and is not known."""
    return tuple(
        f"Access to AWS accounts through {site.name} is not known whole: {note}"
        for site in inspection.sites
        for note in site.denied
    )


def notes(
    inspection: Inspection, applications_read: Iterable[Application], *, accounts: bool = False
) -> tuple[str, ...]:
    """Return what every report about access to these applications has to say about its limits.

    With *accounts* it is about access to AWS accounts as well, as far as that was read.
    """
    said = accounts_notes(inspection) if accounts else (ONLY_APPLICATIONS,)
    unknown = sum(one.assignment_required is None for one in applications_read)
    if not unknown:
        return said
    doubt = (
        f"{number_of(unknown, 'application')} did not say whether an assignment is required; "
        "taken as required."
    )
    return (*said, doubt)
