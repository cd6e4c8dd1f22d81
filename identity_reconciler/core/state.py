"""Users, groups, memberships and assignments as values. Pure: names and facts, no I/O.

Names are compared without regard to case (see `folded`) and kept as spelled. AWS identifiers
stay in the gateway, except application ARNs, which are an application's stable name, and the
principal id of an orphaned assignment, which has no other name left.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NewType, TypeVar, assert_never

from identity_reconciler.core.accounts import AccountGap, AccountRole

UserName = NewType("UserName", str)
GroupName = NewType("GroupName", str)
ApplicationArn = NewType("ApplicationArn", str)
UserKey = NewType("UserKey", str)
"""A user name as it is compared: see `folded`."""
GroupKey = NewType("GroupKey", str)
"""A group name as it is compared: see `folded`."""
Key = tuple[str, ...]
"""Identity of a resource: its kind, then the folded names that identify it."""


def folded(name: str) -> str:
    """Return *name* as it is compared: one spelling per Unicode form and letter case.

    The Identity Store's SCIM schema declares userName and displayName `caseExact: false`;
    whether the native API agrees is unknown, so nothing here relies on case telling two
    objects apart. Source: developerguide/getschema.html.
    """
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def told_by(name: str) -> str:
    """Return what of *name* tells it from others on a page: neither case nor amounts of spaces."""
    return " ".join(folded(name).split())


def user_key(name: str) -> UserKey:
    """Return the key of the user called *name*."""
    return UserKey(folded(name))


def group_key(name: str) -> GroupKey:
    """Return the key of the group called *name*."""
    return GroupKey(folded(name))


# In the five classes below None means "no value" when live and "not declared" when desired, as for
# `User`. A create sends Primary as true where it is not declared (photos excepted), because SCIM
# demands it and the native API's samples differ. Source: developerguide/createuser.html.


@dataclass(frozen=True, slots=True)
class Email:
    """An e-mail address. At most one per user. Source: CreateUser."""

    value: str
    type: str | None = None
    primary: bool | None = None


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    """A phone number. At most one per user. Source: CreateUser."""

    value: str
    type: str | None = None
    primary: bool | None = None


@dataclass(frozen=True, slots=True)
class PostalAddress:
    """A postal address. At most one per user. Source: CreateUser."""

    street_address: str | None = None
    locality: str | None = None
    region: str | None = None
    postal_code: str | None = None
    country: str | None = None
    formatted: str | None = None
    type: str | None = None
    primary: bool | None = None


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo by reference. At most three per user, one of them primary. Source: CreateUser."""

    value: str
    type: str | None = None
    display: str | None = None
    primary: bool | None = None


@dataclass(frozen=True, slots=True)
class Role:
    """A role as an attribute of a person, not an IAM role. At most one. Source: CreateUser."""

    value: str
    type: str | None = None
    primary: bool | None = None


@dataclass(frozen=True, slots=True)
class Provenance:
    """What AWS reports about a live object that is not ours to set."""

    created_at: str | None = None
    created_by: str | None = None
    updated_at: str | None = None
    updated_by: str | None = None
    enabled: bool | None = None
    """UserStatus; None where AWS does not say. Groups have none."""


@dataclass(frozen=True, slots=True)
class User:
    """A person in the Identity Store.

    An attribute that is None has no value. In a *desired* user None means "not declared, leave
    it alone" and `cleared` names the attributes that must have no value; a live user clears
    nothing. `manager` is the user name of the manager, resolved from the UserId by the gateway
    (kept as the bare id when no such user is live).
    """

    user_name: UserName
    display_name: str | None = None
    given_name: str | None = None
    family_name: str | None = None
    middle_name: str | None = None
    honorific_prefix: str | None = None
    honorific_suffix: str | None = None
    formatted_name: str | None = None
    nick_name: str | None = None
    profile_url: str | None = None
    email: Email | None = None
    phone_number: PhoneNumber | None = None
    address: PostalAddress | None = None
    user_type: str | None = None
    title: str | None = None
    preferred_language: str | None = None
    locale: str | None = None
    timezone: str | None = None
    website: str | None = None
    birthdate: str | None = None
    photos: tuple[Photo, ...] | None = None
    role: Role | None = None
    employee_number: str | None = None
    cost_center: str | None = None
    organization: str | None = None
    division: str | None = None
    department: str | None = None
    manager: UserName | None = None
    cleared: frozenset[str] = frozenset()
    """Field names of this class that must have no value; only in desired users."""
    foreign: bool = False
    """True when live with ExternalIds: SCIM or a directory owns it."""
    provenance: Provenance | None = field(default=None, compare=False)

    @property
    def default_display_name(self) -> str | None:
        """Given and family name: what is displayed where nothing else was said."""
        if self.given_name is None or self.family_name is None:
            return None
        return f"{self.given_name} {self.family_name}"

    @property
    def key(self) -> Key:
        """`("user", folded name)`."""
        return ("user", folded(self.user_name))


@dataclass(frozen=True, slots=True)
class Group:
    """A group in the Identity Store. `cleared` as for `User`; only `description` can be."""

    name: GroupName
    description: str | None = None
    cleared: frozenset[str] = frozenset()
    foreign: bool = False
    provenance: Provenance | None = field(default=None, compare=False)

    @property
    def key(self) -> Key:
        """`("group", folded name)`."""
        return ("group", folded(self.name))


class PrincipalKind(StrEnum):
    """What can be assigned to an application. Source: sso-admin PrincipalType."""

    USER = "user"
    GROUP = "group"


@dataclass(frozen=True, slots=True, order=True)
class Principal:
    """A user or group by its folded name, or what is left of a deleted one."""

    kind: PrincipalKind
    name: str
    """Folded name; for an orphan the PrincipalId."""
    orphan: bool = False
    """True when no such user or group is live any more: assignments outlive principals."""


def name_of(resource: User | Group) -> str:
    """Return the name of *resource* as spelled."""
    return resource.user_name if isinstance(resource, User) else resource.name


def principal_of(resource: User | Group) -> Principal:
    """Return *resource* as a principal, by its name here."""
    kind = PrincipalKind.USER if isinstance(resource, User) else PrincipalKind.GROUP
    return Principal(kind, resource.key[1])


def principals_of(users: Iterable[UserKey], groups: Iterable[GroupKey]) -> frozenset[Principal]:
    """Return *users* and *groups* as principals."""
    return frozenset(
        (
            *(Principal(PrincipalKind.USER, key) for key in users),
            *(Principal(PrincipalKind.GROUP, key) for key in groups),
        )
    )


_CUSTOMER_PROVIDERS = {"custom", "custom-saml"}
"""Source: observed, in CreateApplication of published code."""
_ACCOUNT_ACCESS = "account-access"
"""Assumed, from the name of the service; GetApplication of account-access tells only the ARN."""


@dataclass(frozen=True, slots=True)
class Application:
    """An application that principals can be assigned to. We never create one."""

    arn: ApplicationArn
    name: str
    provider: str | None = None
    """ApplicationProviderArn."""
    account: str | None = None
    """Twelve digits: the account the application lives in."""
    assignment_required: bool | None = None
    """False: every user has access without an assignment. None: not asked, or unsupported."""

    @property
    def service(self) -> str | None:
        """The AWS service that owns it, as its provider is called; None: a customer manages it.

        Consoles of AWS assign people to the applications of their services. Source: observed, in
        hashicorp/terraform-provider-aws issue 28958 and aws/aws-cdk issue 23627.
        """
        name = (self.provider or "").partition(":applicationProvider/")[2]
        return name if name and name not in _CUSTOMER_PROVIDERS else None

    @property
    def is_account_access(self) -> bool:
        """Whether account access manager made it; nobody is assigned to it but by that."""
        return self.service == _ACCOUNT_ACCESS


@dataclass(frozen=True, slots=True)
class Membership:
    """The fact that a user is in a group; names as spelled. Exists only inside changes."""

    group: GroupName
    user: UserName

    @property
    def key(self) -> Key:
        """`("membership", folded group, folded user)`."""
        return ("membership", folded(self.group), folded(self.user))


@dataclass(frozen=True, slots=True)
class Assignment:
    """The fact that a principal is assigned to an application. Exists only inside changes."""

    application: ApplicationArn
    principal: Principal
    application_name: str = field(default="", compare=False)
    """For people, see `State.application_label`; the ARN identifies."""
    principal_name: str = field(default="", compare=False)
    """The principal's name as spelled, for people."""

    @property
    def key(self) -> Key:
        """`("assignment", ARN, principal kind, folded principal name)`."""
        principal = self.principal
        kind = f"orphaned-{principal.kind}" if principal.orphan else str(principal.kind)
        return ("assignment", self.application, kind, principal.name)


Resource = User | Group | Membership | Assignment


def address(resource: Resource) -> str:
    """Return the address people use for *resource*: `kind/name`, names as spelled."""
    match resource:
        case User():
            return f"user/{resource.user_name}"
        case Group():
            return f"group/{resource.name}"
        case Membership():
            return f"membership/{resource.group}/{resource.user}"
        case Assignment():
            application = resource.application_name or resource.application
            principal = resource.principal_name or resource.principal.name
            return f"assignment/{application}/{resource.key[2]}/{principal}"
        case _:
            assert_never(resource)


@dataclass(frozen=True, slots=True)
class State:
    """Everything known about one instance, desired or live.

    Memberships and assignments are sets per group and per application, as in the YAML and in
    the API: comparing equal frozensets is what makes 500,000 memberships cheap. A group without
    an entry in `members` has no members *known here*; likewise applications.
    """

    users: Mapping[UserKey, User] = field(default_factory=dict)
    groups: Mapping[GroupKey, Group] = field(default_factory=dict)
    members: Mapping[GroupKey, frozenset[UserKey]] = field(default_factory=dict)
    applications: Mapping[ApplicationArn, Application] = field(default_factory=dict)
    assignments: Mapping[ApplicationArn, frozenset[Principal]] = field(default_factory=dict)
    twins: Mapping[Principal, tuple[str, ...]] = field(default_factory=dict)
    """Live users, or groups, that one key stands for together: their names as spelled, sorted.

    Names cannot tell them apart, so they are in neither `users` nor `groups`. The links of all of
    them are filed under the one key.
    """
    account_access: Mapping[Principal, frozenset[AccountRole]] = field(default_factory=dict)
    """What the principals that were asked about have in AWS accounts themselves, not through a
    group. Who has nothing stands here with the empty set; of who does not, nothing is known."""
    account_gaps: frozenset[AccountGap] = frozenset()
    """What AWS has not answered about that."""
    accounts_through_groups: bool = False
    """Whether AWS was seen to tell of a user also what comes through groups. Then all that those
    groups have by permission sets is in `account_access`, with the user among their members.

    The page of ListAccountAssignmentsForPrincipal leaves open whether it always does.
    """
    _ambiguous: frozenset[str] = field(init=False, repr=False)
    """Names of applications, as `told_by` gives them, that more than one has."""

    def __post_init__(self) -> None:
        """Find out which names of applications do not tell which one is meant."""
        names = Counter(told_by(one.name) for one in self.applications.values())
        ambiguous = frozenset(name for name, times in names.items() if times > 1)
        object.__setattr__(self, "_ambiguous", ambiguous)

    def united(self, other: State) -> State:
        """Return what is in either; an object that is in both is as it is here."""
        twins = {**other.twins, **self.twins}
        return State(
            users=_single({**other.users, **self.users}, PrincipalKind.USER, twins),
            groups=_single({**other.groups, **self.groups}, PrincipalKind.GROUP, twins),
            members=_joined(self.members, other.members),
            applications={**other.applications, **self.applications},
            assignments=_joined(self.assignments, other.assignments),
            twins=twins,
            account_access=_joined(self.account_access, other.account_access),
            account_gaps=self.account_gaps | other.account_gaps,
            accounts_through_groups=self.accounts_through_groups or other.accounts_through_groups,
        )

    def user_name(self, key: UserKey) -> UserName:
        """Return the spelling of *key* here, or the key itself when the user is not here."""
        user = self.users.get(key)
        return user.user_name if user else UserName(key)

    def group_name(self, key: GroupKey) -> GroupName:
        """Return the spelling of *key* here, or the key itself when the group is not here."""
        group = self.groups.get(key)
        return group.name if group else GroupName(key)

    def membership(self, group: GroupKey, user: UserKey) -> Membership:
        """Return that edge, with the names as spelled here."""
        return Membership(self.group_name(group), self.user_name(user))

    def assignment(self, arn: ApplicationArn, principal: Principal) -> Assignment:
        """Return that edge, with the names as spelled here."""
        name = principal.name
        if not principal.orphan:
            name = (
                self.user_name(UserKey(name))
                if principal.kind is PrincipalKind.USER
                else self.group_name(GroupKey(name))
            )
        return Assignment(arn, principal, self.application_label(arn), name)

    def application_label(self, arn: ApplicationArn) -> str:
        """Return what people call that application here, and nothing it would be taken for.

        That is its name, with the ARN where the name does not tell which one is meant: another
        one has it, too, or it pretends to be an ARN. Empty when it is known by its ARN only.
        """
        application = self.applications.get(arn)
        if application is None or not application.name:
            return ""
        name = application.name
        return f"{name} ({arn})" if told_by(name) in self._ambiguous or "arn:" in name else name


_ObjectKey = TypeVar("_ObjectKey", UserKey, GroupKey)
_Object = TypeVar("_Object", User, Group)


def _single(
    objects: dict[_ObjectKey, _Object], kind: PrincipalKind, twins: Iterable[Principal]
) -> Mapping[_ObjectKey, _Object]:
    """Return *objects* without those of *kind* that are among *twins*."""
    doubled = {one.name for one in twins if one.kind is kind}
    if not doubled:
        return objects
    return {key: one for key, one in objects.items() if key not in doubled}


_Owner = TypeVar("_Owner", GroupKey, ApplicationArn, Principal)
_Link = TypeVar("_Link", UserKey, Principal, AccountRole)


def _joined(
    links: Mapping[_Owner, frozenset[_Link]], others: Mapping[_Owner, frozenset[_Link]]
) -> Mapping[_Owner, frozenset[_Link]]:
    """Return both, the sets of the same owner joined."""
    return {**links, **{key: links.get(key, frozenset()) | more for key, more in others.items()}}
