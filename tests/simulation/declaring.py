"""What is declared, as the product takes it: as YAML, or the values that its reader makes of it."""

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
from tests.simulation.states import given_name
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


def yaml(intent: Intent) -> dict[str, str]:
    """Return the same as files: their texts by their names."""
    entries = {kind: [one for one in intent.entries if one.kind == kind] for kind in "ug"}
    lines = [
        *(["users:"] if entries["u"] else []),
        *(line for entry in entries["u"] for line in _user_lines(entry)),
        *(["groups:"] if entries["g"] else []),
        *(line for entry in entries["g"] for line in _group_lines(entry)),
        "applications:",
        *(line for one in intent.applications for line in _application_lines(one)),
    ]
    return {"instance.yaml": _settings(intent), "state.yaml": "\n".join(lines) + "\n"}


def _settings(intent: Intent) -> str:
    modes = {
        "users": _objects(intent, "u"),
        "groups": _objects(intent, "g"),
        "memberships": _links(intent, "members"),
        "assignments": _links(intent, "assignments"),
    }
    kinds = ("users", "groups", "memberships", "assignments", "expired", "renames")
    return "\n".join(
        (
            "instance:",
            f"  name: {INSTANCE.name}",
            f"  region: {INSTANCE.region}",
            f'  account_id: "{INSTANCE.account_id}"',
            f"  instance_arn: {INSTANCE.instance_arn}",
            f"  identity_store_id: {INSTANCE.identity_store_id}",
            "account_access: off",
            "manage:",
            *(f"  {key}: {mode}" for key, mode in modes.items()),
            "  rename_users: true",
            "  require_email: false",
            "guards:",
            "  wipe_from: 1000",
            "  rename: {likeness: 100, shared: 100}",
            "  budgets:",
            *(f"    {kind}: {{floor: 1000, ceiling: 1000}}" for kind in kinds),
            "",
        )
    )


def _head(entry: Entry, key: str) -> list[str]:
    state = [] if entry.state == "present" else [f"    state: {entry.state}"]
    return [f"  - {key}: {entry.name}", *state]


def _user_lines(entry: Entry) -> list[str]:
    lines = _head(entry, "user_name")
    if entry.state != "present":
        return lines
    if entry.previous:
        lines.append(f"    previous_user_names: [{entry.previous}]")
    says = dict(entry.says)
    lines.append(f"    name: {{given_name: {given_name(entry.name)}, family_name: F}}")
    if "manager" in says:
        lines.append(f"    enterprise: {{manager: {says.pop('manager') or 'null'}}}")
    return [*lines, *(f"    {key}: {_quoted(value)}" for key, value in says.items())]


def _group_lines(entry: Entry) -> list[str]:
    lines = _head(entry, "name")
    if entry.state != "present":
        return lines
    if entry.previous:
        lines.append(f"    previous_names: [{entry.previous}]")
    lines += [f"    {key}: {_quoted(value)}" for key, value in entry.says]
    if entry.members is not None:
        listed = ", ".join(_item("user", *one) for one in entry.members)
        lines.append(f"    members: [{listed}]")
    return lines


def _quoted(value: str | None) -> str:
    return "null" if value is None else f'"{value}"'


def _item(kind: str, name: str, holds: str) -> str:
    ends = ENDS[holds]
    return name if ends is None else f"{{{kind}: {name}, expires: {ends:%Y-%m-%d}}}"


def _application_lines(one: Assigned) -> list[str]:
    lines = [f"  - arn: {one.arn}"]
    if one.listed is not None:
        lines.append("    assignments:")
        for key, kind in (("users", "u"), ("groups", "g")):
            listed = (_item(key[:-1], n, holds) for k, n, holds in one.listed if k == kind)
            lines.append(f"      {key}: [{', '.join(listed)}]")
    return lines


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
        given_name=given_name(entry.name),
        family_name="F",
        title=says.get("title"),
        email=Email(email, primary=True) if email else None,
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
