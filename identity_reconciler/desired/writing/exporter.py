"""Live objects as entries of the YAML: only what is not default, and only what can be said.

What cannot be said is never dropped silently: each is a remark. An attribute that the YAML refuses
is left out, so that it stays as it is live. A user who lacks what every declared user needs (both
names, a display name, an e-mail address where it is required) becomes an entry with
`state: external`, which can be referred to and is never changed. A name that the YAML refuses has
no entry; where it is a member or a principal, that list is left out, and so not managed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from identity_reconciler.core.declared import ManageLinks, ManageObjects, Settings
from identity_reconciler.core.scope import matches_any
from identity_reconciler.core.state import (
    Application,
    ApplicationArn,
    Email,
    Group,
    GroupKey,
    PhoneNumber,
    Photo,
    PostalAddress,
    Principal,
    PrincipalKind,
    Role,
    State,
    User,
    UserKey,
    folded,
    user_key,
)
from identity_reconciler.desired.model.text import (
    ApplicationArnText,
    ApplicationNameText,
    BirthdateText,
    EmailText,
    check_group_name,
    check_text,
    check_user_name,
)
from identity_reconciler.desired.reading.references import MAX_GROUPS
from identity_reconciler.desired.yaml.emit import Data
from identity_reconciler.desired.yaml.encoding import FORBIDDEN, forbidden_character

check_email = TypeAdapter(EmailText).validate_python
check_birthdate = TypeAdapter(BirthdateText).validate_python
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

NAME_KEYS = {
    "given_name": "given_name",
    "family_name": "family_name",
    "middle_name": "middle_name",
    "honorific_prefix": "honorific_prefix",
    "honorific_suffix": "honorific_suffix",
    "formatted_name": "formatted",
}
"""Fields of `User` to their keys under `name`."""

ENTERPRISE_KEYS = (
    *("employee_number", "cost_center", "organization", "division", "department"),
    "manager",
)
"""Fields of `User` that are keys under `enterprise`."""

_TEXTS_BEFORE = ("nick_name", "profile_url")
_TEXTS_AFTER = ("user_type", "title", "preferred_language", "locale", "timezone", "website")
_Compound = Email | PhoneNumber | PostalAddress | Photo | Role
_MAX_PHOTOS = 3


class Exporter:
    """Makes entries of the objects of one live state."""

    def __init__(self, live: State, settings: Settings) -> None:
        self._live = live
        self._settings = settings
        self.remarks: dict[str, None] = {}
        """What could not be said, each once, in the order in which it was met."""
        self.users = frozenset(self._nameable_users())
        """The users that can be referred to."""
        self.groups = frozenset(self._nameable_groups())
        """The groups that can be referred to."""
        self._names = Counter(one.name for one in live.applications.values())
        self._emails = self._first_of_each_email()
        self._in_circles = frozenset(self._circles())

    def remark(self, address: str, message: str) -> None:
        """Note that something at *address* could not be said."""
        self.remarks.setdefault(f"{address}: {message}")

    def _nameable_users(self) -> Iterator[UserKey]:
        for key, user in sorted(self._live.users.items()):
            if matches_any(self._settings.ignore.users, key):
                continue
            if why := objection(check_user_name, user.user_name):
                self.remark(f"user/{user.user_name}", f"left out, for its name: {why}")
            else:
                yield key

    def _nameable_groups(self) -> Iterator[GroupKey]:
        for key, group in sorted(self._live.groups.items()):
            if matches_any(self._settings.ignore.groups, key):
                continue
            if why := objection(check_group_name, group.name):
                self.remark(f"group/{group.name}", f"left out, for its name: {why}")
            else:
                yield key

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
        texts = self._texts(user)
        email = self._email(user)
        if why := self._lacks(texts, email):
            self.remark(f"user/{user.user_name}", f"state: external, for {why}")
            return entry | {"state": "external"}
        name: Entry = {key: texts[field] for field, key in NAME_KEYS.items() if field in texts}
        entry["name"] = name
        if texts["display_name"] != f"{texts['given_name']} {texts['family_name']}":
            entry["display_name"] = texts["display_name"]
        entry |= {key: texts[key] for key in _TEXTS_BEFORE if key in texts}
        entry |= {} if email is None else {"email": email}
        entry |= self._compounds(user)
        entry |= {key: texts[key] for key in _TEXTS_AFTER if key in texts}
        entry |= self._birthdate(user) | self._photos(user)
        entry |= self._role(user)
        enterprise: Entry = {key: texts[key] for key in ENTERPRISE_KEYS[:-1] if key in texts}
        enterprise |= self._manager(user)
        return entry | ({"enterprise": enterprise} if enterprise else {})

    def _texts(self, user: User) -> dict[str, str]:
        """Return the attributes of *user* that are one text and can be written."""
        found: dict[str, str] = {}
        names = ("display_name", *NAME_KEYS, *_TEXTS_BEFORE, *_TEXTS_AFTER, *ENTERPRISE_KEYS[:-1])
        for name in names:
            text = getattr(user, name)
            if text is not None and self._allowed(user, name, check_text, text):
                found[name] = text
        return found

    def _allowed(
        self, user: User, name: str, check: Callable[[str], object], text: str | None
    ) -> bool:
        why = "it has no value" if text is None else objection(check, text)
        if why:
            self.remark(f"user/{user.user_name}", f"{name} left out: {why}")
        return not why

    def _lacks(self, texts: Mapping[str, str], email: Data | None) -> str | None:
        missing = [
            name for name in ("given_name", "family_name", "display_name") if name not in texts
        ]
        if self._settings.require_email and email is None:
            missing.append("email")
        if not missing:
            return None
        return f"it has no {' and no '.join(missing)} that can be written"

    def _email(self, user: User) -> Data | None:
        email = user.email
        if email is None or not self._allowed(user, "email", check_email, email.value):
            return None
        first = self._emails[email.value.casefold()]
        if first != user_key(user.user_name):
            other = self._live.user_name(first)
            self.remark(f"user/{user.user_name}", f"email left out: user/{other} has it, too")
            return None
        return self._compound(user, "email", email)

    def _compound(self, user: User, name: str, value: _Compound) -> Data:
        """Return *value*, as text where nothing but its value is worth saying."""
        said: Entry = {}
        for part in fields(value):
            found = getattr(value, part.name)
            if isinstance(found, bool):
                # True is what a new one gets anyway, except that photos get nothing.
                said |= {part.name: found} if not found or isinstance(value, Photo) else {}
            elif found is not None and self._allowed(
                user, f"{name}.{part.name}", check_text, found
            ):
                said[part.name] = found
        return said["value"] if said.keys() == {"value"} and not isinstance(value, Photo) else said

    def _compounds(self, user: User) -> Entry:
        entry: Entry = {}
        phone = user.phone_number
        if phone is not None and self._allowed(user, "phone_number", check_text, phone.value):
            entry["phone_number"] = self._compound(user, "phone_number", phone)
        if user.address is not None and (said := self._compound(user, "address", user.address)):
            entry["address"] = said
        return entry

    def _birthdate(self, user: User) -> Entry:
        day = user.birthdate
        if day is None or not self._allowed(user, "birthdate", check_birthdate, day):
            return {}
        return {"birthdate": day}

    def _photos(self, user: User) -> Entry:
        photos = user.photos or ()
        if not photos or not all(
            self._allowed(user, "photos", check_text, one.value) for one in photos
        ):
            return {}
        if len(photos) > _MAX_PHOTOS or sum(one.primary is True for one in photos) > 1:
            self.remark(f"user/{user.user_name}", "photos left out: too many, or too many primary")
            return {}
        return {"photos": [self._compound(user, "photos", one) for one in photos]}

    def _role(self, user: User) -> Entry:
        role = user.role
        if role is None or not self._allowed(user, "role", check_text, role.value):
            return {}
        return {"role": self._compound(user, "role", role)}

    def _manager(self, user: User) -> Entry:
        if user.manager is None:
            return {}
        why = None
        if user_key(user.manager) not in self.users:
            why = f"user/{user.manager} has no entry"
        elif user_key(user.user_name) in self._in_circles:
            why = "it leads back to this user"
        if why:
            self.remark(f"user/{user.user_name}", f"manager left out: {why}")
        return {} if why else {"manager": user.manager}

    def group(self, group: Group, members: Iterable[UserKey]) -> Entry:
        """Return the entry of *group*, which can be named."""
        entry: Entry = {"name": group.name}
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
        self, application: Application, principals: Iterable[Principal]
    ) -> Entry | None:
        """Return the entry of *application*; None when nothing can select it."""
        selector = self.selector(application)
        if selector is None:
            return None
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
