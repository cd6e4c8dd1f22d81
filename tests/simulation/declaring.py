"""What is declared, as the product takes it: the values that its reader makes of YAML."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from identity_reconciler.core.declared import (
    ApplicationSelector,
    Declared,
    DeclaredApplication,
    DeclaredGroup,
    DeclaredUser,
    Listed,
    ManageLinks,
    ManageObjects,
    Presence,
    Settings,
)
from identity_reconciler.core.state import (
    ApplicationArn,
    Email,
    Group,
    GroupName,
    User,
    UserName,
)
from tests.simulation.oracle import Assigned, Entry, Intent
from tests.strategies import HERE, INSTANCE

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
ENDS = {"held": None, "over": NOW - timedelta(days=30), "ending": NOW + timedelta(days=4000)}
"""Until when somebody is listed."""


def declared(intent: Intent) -> Declared:
    """Return *intent* as the product's reader would."""
    return Declared(
        Settings(
            INSTANCE,
            users=_objects(intent, "u"),
            groups=_objects(intent, "g"),
            memberships=_links(intent, "members"),
            assignments=_links(intent, "assignments"),
            rename_users=True,
            require_email=False,
        ),
        tuple(_user(entry) for entry in intent.entries if entry.kind == "u"),
        tuple(_group(entry) for entry in intent.entries if entry.kind == "g"),
        tuple(map(_application, intent.applications)),
    )


def _objects(intent: Intent, kind: str) -> ManageObjects:
    return ManageObjects.AUTHORITATIVE if kind in intent.whole else ManageObjects.DECLARED


def _links(intent: Intent, kind: str) -> ManageLinks:
    return ManageLinks.ADDITIVE if kind in intent.adding else ManageLinks.AUTHORITATIVE


def _previous(entry: Entry) -> tuple[str, ...]:
    return (entry.previous,) if entry.previous else ()


def _user(entry: Entry) -> DeclaredUser:
    name, presence = UserName(entry.name), Presence(entry.state)
    if presence is not Presence.PRESENT:
        return DeclaredUser(User(name), HERE, presence)
    says = dict(entry.says)
    email, manager = says.get("email"), says.get("manager")
    user = User(
        name,
        display_name=says["display_name"],
        given_name="G",
        family_name="F",
        title=says.get("title"),
        email=Email(email) if email else None,
        manager=UserName(manager) if manager else None,
        cleared=frozenset(key for key, value in entry.says if value is None),
    )
    return DeclaredUser(user, HERE, presence, _previous(entry))


def _group(entry: Entry) -> DeclaredGroup:
    name, presence = GroupName(entry.name), Presence(entry.state)
    if presence is not Presence.PRESENT:
        return DeclaredGroup(Group(name), HERE, presence)
    description = dict(entry.says).get("description")
    cleared = frozenset(key for key, value in entry.says if value is None)
    members = (
        None
        if entry.members is None
        else tuple(Listed(one, HERE, ENDS[holds]) for one, holds in entry.members)
    )
    group = Group(name, description, cleared)
    return DeclaredGroup(group, HERE, presence, members, _previous(entry))


def _application(one: Assigned) -> DeclaredApplication:
    selector = ApplicationSelector(arn=ApplicationArn(one.arn))
    if one.listed is None:
        return DeclaredApplication(selector, HERE, managed=False)
    listed = {
        kind: tuple(Listed(n, HERE, ENDS[holds]) for k, n, holds in one.listed if k == kind)
        for kind in "ug"
    }
    return DeclaredApplication(selector, HERE, listed["u"], listed["g"])
