"""Who is in a group, and in which groups somebody is. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from identity_reconciler.audit.inspection import Inspection
from identity_reconciler.audit.paths import email_of, standing
from identity_reconciler.audit.report import INSTANCE, Column, Facet, Report, ordered, require_known
from identity_reconciler.core.state import (
    Group,
    GroupName,
    Principal,
    PrincipalKind,
    User,
    UserName,
    group_key,
    user_key,
)
from identity_reconciler.gateway import Wanted

USER_NAME = Column("user_name", "User name as spelled in the identity store", Facet.PERSON)
DISPLAY_NAME = Column("display_name", "Display name")
EMAIL = Column("email", "E-mail address")
STATUS = Column("user_status", "enabled, disabled, or unknown where nothing says")
GROUP = Column("group", "Name of the group", Facet.GROUP)
WAY = Column("via", "Included groups, or rule, by which the YAML has them there")


@dataclass(frozen=True, slots=True)
class MembersQuestion:
    """Who is in one group?"""

    group: str

    @property
    def wanted(self) -> Wanted:
        """See Question. Only what hangs on the group, whatever the size of the organisation."""
        return Wanted(
            mentioned=(Group(GroupName(self.group)),),
            memberships_of=(Principal(PrincipalKind.GROUP, group_key(self.group)),),
        )

    def answer(self, inspection: Inspection) -> Report:
        """See Question."""
        key = group_key(self.group)
        names = [name for site in inspection.sites for name in site.group_names]
        found = any(key in site.state.groups for site in inspection.sites)
        require_known("group", self.group, names, found=found)
        rows = []
        for site in inspection.sites:
            ways = site.ways
            for member in site.state.members.get(key, ()):
                user = site.state.users.get(member)
                rows.append(
                    (
                        site.name,
                        site.state.user_name(member),
                        (user.display_name if user else None) or "",
                        email_of(user),
                        standing(user),
                        ways.get((key, member), ""),
                    )
                )
        columns = (INSTANCE, USER_NAME, DISPLAY_NAME, EMAIL, STATUS, WAY)
        return Report("members", f"Members of {self.group}", columns, ordered(rows))


@dataclass(frozen=True, slots=True)
class MembershipsQuestion:
    """In which groups is one user?"""

    user: str

    @property
    def wanted(self) -> Wanted:
        """See Question. Only what hangs on the user, whatever the size of the organisation."""
        return Wanted(
            named=(User(UserName(self.user)),),
            memberships_of=(Principal(PrincipalKind.USER, user_key(self.user)),),
        )

    def answer(self, inspection: Inspection) -> Report:
        """See Question."""
        key = user_key(self.user)
        names = [name for site in inspection.sites for name in site.user_names]
        found = any(key in site.state.users for site in inspection.sites)
        require_known("user", self.user, names, found=found)
        rows = []
        for site in inspection.sites:
            user, ways = site.state.users.get(key), site.ways
            for group, members in site.state.members.items():
                if key in members:
                    described = site.state.groups.get(group)
                    rows.append(
                        (
                            site.name,
                            site.state.group_name(group),
                            (described.description if described else None) or "",
                            site.state.user_name(key),
                            standing(user),
                            ways.get((group, key), ""),
                        )
                    )
        description = Column("description", "Description of the group")
        columns = (INSTANCE, GROUP, description, USER_NAME, STATUS, WAY)
        return Report("memberships", f"Groups of {self.user}", columns, ordered(rows))
