"""Populations from a desired state, or made up in any size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from identity_reconciler.core.attributes import ENTERPRISE, USER_ATTRIBUTES, structures_of
from identity_reconciler.core.declared import (
    Declared,
    DeclaredApplication,
    DeclaredUser,
    Listed,
    Presence,
)
from identity_reconciler.core.planner import created
from identity_reconciler.core.state import Group, User
from identity_reconciler.sandbox.attributes import USER, Document
from identity_reconciler.sandbox.errors import SandboxError
from identity_reconciler.sandbox.population import Member, Population, seeded_id
from identity_reconciler.sandbox.sandbox import InstanceDetails, Sandbox
from identity_reconciler.sandbox.updates import put

ISSUER = "https://idp.example.com"
"""The issuer of the external ids that objects with `state: external` get."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much to make up."""

    users: int
    groups: int = 0
    memberships: int = 0
    applications: int = 0
    assignments: int = 0


def seed(sandbox: Sandbox, declared: Declared, now: datetime) -> None:
    """Make the live state of the sandbox equal to *declared*, as of *now* (UTC).

    What is declared `external` is there with external ids, what is `absent` is not. Applications
    are added and not removed: the YAML does not say that it names all of them.

    Raises:
        SandboxError: The instance contradicts the sandbox's, or AWS would refuse a part.
    """
    instance = declared.settings.instance
    others = [one for one in sandbox.summary().instances if one.arn != instance.instance_arn]
    created = sandbox.ensure_instance(
        InstanceDetails(
            instance.account_id,
            instance.region,
            instance.instance_arn,
            instance.identity_store_id,
            instance.name,
            # An organisation has one instance; any further one is that of an account.
            organization=not others,
        )
    )
    if created:
        sandbox.add_catalogue(instance.instance_arn)
    arns = {
        number: _application(sandbox, instance.instance_arn, entry)
        for number, entry in enumerate(declared.applications)
    }
    sandbox.populate(_population(declared, arns, now), instance.instance_arn)


def _application(sandbox: Sandbox, instance_arn: str, entry: DeclaredApplication) -> str:
    selector = entry.selector
    return sandbox.add_application(
        selector.name or str(selector.arn),
        selector.provider,
        account=selector.account,
        instance_arn=instance_arn,
        arn=selector.arn,
    )


def _population(declared: Declared, arns: Mapping[int, str], now: datetime) -> Population:
    store_id = declared.settings.instance.identity_store_id
    present = [one for one in declared.users if one.presence is not Presence.ABSENT]
    groups = [one for one in declared.groups if one.presence is not Presence.ABSENT]
    return Population(
        users=[_user(one, store_id) for one in present],
        groups=[
            Member(_group(one.group), _external(one.group.name, one.presence)) for one in groups
        ],
        memberships=[
            (one.group.name, name) for one in groups for name in _current(one.members or (), now)
        ],
        assignments=[
            (arns[number], kind, name)
            for number, entry in enumerate(declared.applications)
            for kind, listed in (("USER", entry.users), ("GROUP", entry.groups))
            for name in _current(listed, now)
        ],
    )


def _current(listed: Iterable[Listed], now: datetime) -> Iterator[str]:
    """Yield the names that hold at *now*."""
    return (one.name for one in listed if one.holds(now))


def _external(name: str, presence: Presence) -> tuple[tuple[str, str], ...]:
    return ((ISSUER, name.replace(" ", "-")),) if presence is Presence.EXTERNAL else ()


def _user(declared: DeclaredUser, store_id: str) -> Member:
    user = created(declared.user)
    document = document_of(user, store_id)
    if declared.presence is Presence.EXTERNAL:
        # An external user is declared by name alone; AWS has none without these.
        document = {
            "DisplayName": user.user_name,
            "Name": {"GivenName": user.user_name, "FamilyName": user.user_name},
            **document,
        }
    return Member(document, _external(user.user_name, declared.presence))


def document_of(user: User, store_id: str) -> Document:
    """Return *user* as CreateUser spells it, the manager by the id that it is loaded with."""
    document: Document = {"UserName": user.user_name}
    for attribute in USER_ATTRIBUTES:
        value = getattr(user, attribute.field)
        if value is not None:
            if attribute.field == "manager":
                value = seeded_id(USER, store_id, value)
            put(document, attribute.members, structures_of(value) if attribute.structure else value)
    return document


def _group(group: Group) -> Document:
    described = {"Description": group.description} if group.description else {}
    return {"DisplayName": group.name, **described}


def generate(sandbox: Sandbox, sizes: Sizes, instance_arn: str | None = None) -> None:
    """Fill the sandbox with as many made-up people and groups as *sizes* says.

    Raises:
        SandboxError: The sizes cannot be: more memberships than pairs, or too many groups on an
            application.
    """
    if sizes.memberships > sizes.users * sizes.groups:
        raise SandboxError(f"{sizes.users} users and {sizes.groups} groups have fewer memberships")
    if sizes.assignments > sizes.applications * (sizes.users + min(sizes.groups, 100)):
        raise SandboxError(f"{sizes.applications} applications cannot have so many assignments")
    arns = [
        sandbox.add_application(f"Application {number:04}", instance_arn=instance_arn)
        for number in range(sizes.applications)
    ]
    population = Population(
        users=(_made_up_user(number) for number in range(sizes.users)),
        groups=(Member({"DisplayName": _group_name(number)}) for number in range(sizes.groups)),
        memberships=_made_up_memberships(sizes),
        assignments=_made_up_assignments(sizes, arns),
    )
    sandbox.populate(population, instance_arn)


def _user_name(number: int) -> str:
    return f"user{number:06}"


def _group_name(number: int) -> str:
    return f"group{number:05}"


def _made_up_user(number: int) -> Member:
    name = _user_name(number)
    return Member(
        {
            "UserName": name,
            "DisplayName": f"User {number:06}",
            "Name": {"GivenName": "User", "FamilyName": f"{number:06}"},
            "Emails": [{"Value": f"{name}@example.com", "Type": "work", "Primary": True}],
            "Title": f"Engineer {number % 7}",
            "Extensions": {ENTERPRISE: {"department": f"Department {number % 40}"}},
        }
    )


def _made_up_memberships(sizes: Sizes) -> Iterator[tuple[str, str]]:
    """Yield pairs that are all different: groups take users in turn, each from its own start."""
    for number in range(sizes.memberships):
        round_, group = divmod(number, sizes.groups)
        yield _group_name(group), _user_name((group * 31 + round_) % sizes.users)


def _made_up_assignments(sizes: Sizes, arns: list[str]) -> Iterator[tuple[str, str, str]]:
    """Yield up to 100 groups for each application, then users."""
    groups = min(sizes.groups, 100)
    for number in range(sizes.assignments):
        round_, application = divmod(number, sizes.applications)
        if round_ < groups:
            name = _group_name((application * 17 + round_) % sizes.groups)
            yield arns[application], "GROUP", name
        else:
            yield arns[application], "USER", _user_name((round_ - groups) % sizes.users)
