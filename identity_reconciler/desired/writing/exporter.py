"""Live objects as entries of the YAML: only what is not default, and only what can be said.

What cannot be said is never dropped silently: each is a remark. An attribute that the YAML refuses
is left out, so that it stays as it is live. A user who lacks what every declared user needs (both
names, an e-mail address where it is required) becomes an entry with
`state: external`, which can be referred to and is never changed. A name that the YAML refuses has
no entry; where it is a member or a principal, and not ignored, that list is left out, and so not
managed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Annotated, TypeVar, cast

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from identity_reconciler.core.attributes import USER_ATTRIBUTES, Structure, UserAttribute
from identity_reconciler.core.declared import ManageLinks, ManageObjects, Settings
from identity_reconciler.core.lookalikes import look_alikes, strange
from identity_reconciler.core.scope import matches_any
from identity_reconciler.core.state import (
    Application,
    ApplicationArn,
    Email,
    Group,
    GroupKey,
    Photo,
    Principal,
    PrincipalKind,
    State,
    User,
    UserKey,
    folded,
    group_key,
    principal_of,
    user_key,
)
from identity_reconciler.desired.model.base import Document
from identity_reconciler.desired.model.people import SECTIONS, STRUCTURES
from identity_reconciler.desired.model.text import (
    ApplicationArnText,
    ApplicationNameText,
    check_group_name,
    check_text,
    check_user_name,
)
from identity_reconciler.desired.reading.references import MAX_GROUPS
from identity_reconciler.desired.yaml.emit import Data, Remarked
from identity_reconciler.desired.yaml.encoding import FORBIDDEN, forbidden_character

check_application_name = TypeAdapter(ApplicationNameText).validate_python
check_arn = TypeAdapter(ApplicationArnText).validate_python


def objection(check: Callable[[str], object], text: str) -> str | None:
    """Return why *text* cannot be written, if so."""
    try:
        check(text)
    except PydanticCustomError as error:
        return str(error)
    except ValidationError as error:
        return error.errors(include_url=False, include_input=False)[0]["msg"]
    found = FORBIDDEN.search(text)
    return f"it contains {forbidden_character(found[0])}" if found else None


Entry = dict[str, Data]


def user_entry(name: str, attributes: Mapping[str, Data]) -> Entry:
    """Return the entry of the user called *name*, whose *attributes* are by field of `User`."""
    sections: dict[str, Entry] = {section: {} for section in SECTIONS}
    for attribute in USER_ATTRIBUTES:
        if attribute.field in attributes:
            sections[attribute.section][attribute.key] = attributes[attribute.field]
    top, enterprise = sections.pop(""), sections.pop("enterprise")
    entry: Entry = {"user_name": name, **sections, **top}
    return entry | ({"enterprise": enterprise} if enterprise else {})


@cache
def _check(model: type[Document], key: str) -> Callable[[str], object]:
    """Return what refuses the texts that *key* of *model* cannot have."""
    field = model.model_fields[key]
    kind = cast("type[str]", Annotated[field.annotation, field])
    return TypeAdapter(kind).validator.validate_python


def _owned(service: str) -> str:
    return f"owned by the AWS service {service}, whose console may assign people"


_Key = TypeVar("_Key", UserKey, GroupKey)
_Object = TypeVar("_Object", User, Group)


def _is_unmarked(value: Structure | None) -> bool:
    """Return whether *value* is an e-mail address that AWS has not as the primary one."""
    return isinstance(value, Email) and value.primary is None


def _name(one: User | Group) -> str:
    return one.user_name if isinstance(one, User) else one.name


class Exporter:
    """Makes entries of the objects of one live state."""

    def __init__(
        self, live: State, settings: Settings, former: Mapping[GroupKey, str] | None = None
    ) -> None:
        """Take what is *live*, and what groups that are to be renamed are called until then."""
        self._live = live
        self._settings = settings
        self._former = former or {}
        self.refused: dict[Principal, str] = {}
        """Why those whose names the YAML refuses have no entry."""
        self.remarks: dict[str, None] = {}
        """What could not be said, each once, in the order in which it was met."""
        self.unmarked = 0
        """How many of the entries have an e-mail address that AWS has not as the primary one."""
        self.users = self._told_apart(
            {key: live.users[key] for key in self._nameable_users()}, settings.users
        )
        """The users that can be referred to."""
        self.groups = self._told_apart(
            {key: live.groups[key] for key in self._nameable_groups()}, settings.groups
        )
        """The groups that can be referred to."""
        self._names = Counter(one.name for one in live.applications.values())
        self._emails = self._first_of_each_email()
        self._in_circles = frozenset(self._circles())

    def remark(self, address: str, message: str) -> None:
        """Note that something at *address* could not be said."""
        self.remarks.setdefault(f"{address}: {message}")

    def _refuse(self, one: User | Group, why: str) -> None:
        self.refused[principal_of(one)] = why
        self.remark(f"{one.key[0]}/{_name(one)}", f"left out, for its name: {why}")

    def _nameable_users(self) -> Iterator[UserKey]:
        for key, user in sorted(self._live.users.items()):
            if matches_any(self._settings.ignore.users, key):
                continue
            if why := objection(check_user_name, user.user_name):
                self._refuse(user, why)
            else:
                yield key

    def _nameable_groups(self) -> Iterator[GroupKey]:
        for key, group in sorted(self._live.groups.items()):
            if matches_any(self._settings.ignore.groups, key):
                continue
            if why := objection(check_group_name, group.name):
                self._refuse(group, why)
            else:
                yield key

    def _told_apart(self, nameable: Mapping[_Key, _Object], mode: ManageObjects) -> frozenset[_Key]:
        """Return the keys of *nameable* without those that may not stand beside another one.

        Of two names that look alike the one that is not ASCII stays out, and of two that are not
        ASCII both, except where both are owned elsewhere: see `resemblances.alike`.
        """
        if mode is ManageObjects.REFERENCE:
            return frozenset(nameable)
        by_name = {_name(one): key for key, one in nameable.items()}
        out: set[_Key] = set()
        for name, other in look_alikes(by_name).items():
            one = nameable[by_name[name]]
            if not name.isascii() and not (one.foreign and nameable[by_name[other]].foreign):
                out.add(by_name[name])
                self._refuse(one, f"it looks like {one.key[0]}/{other}, but has {strange(name)}")
        return frozenset(nameable.keys() - out)

    def _first_of_each_email(self) -> Mapping[str, UserKey]:
        first: dict[str, UserKey] = {}
        for key, user in sorted(self._live.users.items()):
            if key in self.users and user.email and user.email.value and not user.foreign:
                first.setdefault(user.email.value.casefold(), key)
        return first

    def _circles(self) -> Iterator[UserKey]:
        """Yield the users whose managers lead back to them."""
        users, done = self._live.users, set[UserKey]()
        for start in sorted(users):
            trail: list[UserKey] = []
            key = start
            while key in users and key not in done and key not in trail:
                trail.append(key)
                key = user_key(users[key].manager or "")
            if key in trail:
                yield from trail[trail.index(key) :]
            done.update(trail)

    def user(self, user: User) -> Entry:
        """Return the entry of *user*, who can be named."""
        entry: Entry = {"user_name": user.user_name}
        if self._settings.users is ManageObjects.REFERENCE:
            return entry
        if user.foreign:
            return entry | {"state": "external"}
        said: Entry = {}
        for attribute in USER_ATTRIBUTES:
            value = getattr(user, attribute.field)
            if value is not None and (sayable := self._said(user, attribute, value)) is not None:
                said[attribute.field] = sayable
        if why := self._lacks(said):
            self.remark(f"user/{user.user_name}", f"state: external, for {why}")
            return entry | {"state": "external"}
        self.unmarked += "email" in said and _is_unmarked(user.email)
        if said.get("display_name") == user.default_display_name:
            said.pop("display_name", None)
        return user_entry(user.user_name, said)

    def _said(
        self, user: User, attribute: UserAttribute, value: str | Structure | tuple[Photo, ...]
    ) -> Data | None:
        """Return what the YAML says for an attribute with this *value*; None: it cannot."""
        said: Data | None
        if isinstance(value, str):
            check = _check(SECTIONS[attribute.section], attribute.key)
            said = value if self._allowed(user, attribute.field, check, value) else None
        else:
            said = self._structures(
                user, attribute, value if isinstance(value, tuple) else (value,)
            )
        if said is None:
            return None
        if why := self._conflict(user, attribute.field):
            self.remark(f"user/{user.user_name}", f"{attribute.field} left out: {why}")
            return None
        return said

    def _allowed(
        self, user: User, name: str, check: Callable[[str], object], text: str | None
    ) -> bool:
        why = "it has no value" if text is None else objection(check, text)
        if why:
            self.remark(f"user/{user.user_name}", f"{name} left out: {why}")
        return not why

    def _structures(
        self, user: User, attribute: UserAttribute, values: Sequence[Structure]
    ) -> Data | None:
        said = [self._parts(user, attribute.field, one) for one in values]
        if not all(said):
            return None
        if attribute.most == 1:
            # An address alone is the primary one, and so there would be something to plan.
            alone = said[0].keys() == {"value"} and not _is_unmarked(values[0])
            return said[0]["value"] if alone else said[0]
        if len(said) <= attribute.most and sum(one.get("primary") is True for one in said) <= 1:
            return said
        message = f"{attribute.field} left out: too many, or too many primary"
        self.remark(f"user/{user.user_name}", message)
        return None

    def _parts(self, user: User, name: str, value: Structure) -> Entry:
        """Return what can be said of *value*; nothing where its key `value` cannot."""
        said: Entry = {}
        model = STRUCTURES[type(value)]
        for part in model.model_fields:
            found = getattr(value, part)
            if isinstance(found, bool):
                # True is what a new one gets anyway, except that photos get nothing.
                said |= {part: found} if not found or isinstance(value, Photo) else {}
            elif part == "value" or found is not None:
                where = name if part == "value" else f"{name}.{part}"
                if self._allowed(user, where, _check(model, part), found):
                    said[part] = found
                elif part == "value":
                    return {}
        return said

    def _conflict(self, user: User, field: str) -> str | None:
        """Return why a value that could be written cannot be, beside the other users."""
        if field == "email" and user.email:
            first = self._emails[user.email.value.casefold()]
            if first != user_key(user.user_name):
                return f"user/{self._live.user_name(first)} has it, too"
        if field == "manager" and user.manager:
            if user_key(user.manager) not in self.users:
                return f"user/{user.manager} has no entry"
            if user_key(user.user_name) in self._in_circles:
                return "it leads back to this user"
        return None

    def _lacks(self, said: Mapping[str, Data]) -> str | None:
        needed = ["given_name", "family_name"]
        needed += ["email"] if self._settings.require_email else []
        missing = [name for name in needed if name not in said]
        if not missing:
            return None
        return f"it has no {' and no '.join(missing)} that can be written"

    def group(self, group: Group, members: Iterable[UserKey]) -> Entry:
        """Return the entry of *group*, which can be named."""
        entry: Entry = {"name": group.name}
        if group_key(group.name) in self._former:
            entry["previous_names"] = [self._former[group_key(group.name)]]
        if self._settings.groups is ManageObjects.REFERENCE:
            return entry
        if group.foreign:
            return entry | {"state": "external"}
        if group.description is not None:
            if why := objection(check_text, group.description):
                self.remark(f"group/{group.name}", f"description left out: {why}")
            else:
                entry["description"] = group.description
        if self._settings.memberships is not ManageLinks.OFF:
            names = self.members(f"group/{group.name}", members)
            entry |= {} if names is None else {"members": names}
        return entry

    def members(self, address: str, members: Iterable[UserKey]) -> list[str] | None:
        """Return the names of *members*, sorted; None when one of them cannot be named."""
        wanted = {key for key in members if not matches_any(self._settings.ignore.users, key)}
        if nameless := sorted(wanted - self.users):
            name = self._live.user_name(nameless[0])
            self.remark(address, f"members left out, so not managed: user/{name} has no entry")
            return None
        return [self._live.user_name(key) for key in sorted(wanted)]

    def selector(self, application: Application) -> Entry | None:
        """Return what selects *application*: its name if that is enough; None: nothing can."""
        name = application.name
        if self._names[name] == 1 and not objection(check_application_name, name):
            return {"name": name}
        if why := objection(check_arn, application.arn):
            self.remark(f"application/{name}", f"left out: {why}")
            return None
        return {"arn": application.arn}

    def application(
        self, application: Application, principals: Iterable[Principal], *, services: bool
    ) -> Entry | None:
        """Return the entry of *application*; None when nothing can select it.

        One that an AWS service owns has no `assignments`, unless *services* are to be managed, too:
        its console assigns people, and what is not listed would be removed.
        """
        selector = self.selector(application)
        if selector is None:
            return None
        if application.service is not None:
            ((key, label),) = selector.items()
            selector = {key: Remarked(str(label), _owned(application.service))}
            if application.is_account_access or not services:
                return selector
        lists = self.assignments(application, principals)
        return selector | ({} if lists is None else {"assignments": lists})

    def assignments(
        self, application: Application, principals: Iterable[Principal]
    ) -> dict[str, list[str]] | None:
        """Return the names of *principals* by kind; None when one of them cannot be named."""
        address = f"application/{application.name}"
        found: dict[str, list[str]] = {"groups": [], "users": []}
        for principal in sorted(principals, key=lambda one: one.name):
            if principal.orphan:
                self.remark(
                    address,
                    f"the assignment of the deleted {principal.kind} {principal.name} cannot be "
                    "declared; the next plan removes it",
                )
            elif not self._ignored(principal):
                name = self._principal_name(principal)
                if name is None:
                    said = f"assignments left out, so not managed: {principal.kind}/"
                    self.remark(address, f"{said}{principal.name} has no entry")
                    return None
                found[f"{principal.kind}s"].append(name)
        if len(found["groups"]) > MAX_GROUPS:
            self.remark(address, f"assignments left out: more than {MAX_GROUPS} groups")
            return None
        return {kind: names for kind, names in found.items() if names}

    def _ignored(self, principal: Principal) -> bool:
        ignore = self._settings.ignore
        is_user = principal.kind is PrincipalKind.USER
        return matches_any(ignore.users if is_user else ignore.groups, principal.name)

    def _principal_name(self, principal: Principal) -> str | None:
        if principal.kind is PrincipalKind.USER:
            user = UserKey(principal.name)
            return self._live.user_name(user) if user in self.users else None
        group = GroupKey(principal.name)
        return self._live.group_name(group) if group in self.groups else None

    def applications(self) -> Iterator[ApplicationArn]:
        """Yield the applications that are not ignored, by name."""
        if self._settings.assignments is ManageLinks.OFF:
            return
        for arn, one in sorted(
            self._live.applications.items(), key=lambda pair: (folded(pair[1].name), pair[0])
        ):
            if not matches_any(self._settings.ignore.applications, one.name):
                yield arn
