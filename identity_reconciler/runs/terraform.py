"""Take over what Terraform manages: what of it is live, what to import, what it has to forget.

Pure. A state of Terraform may be old, so objects are found by their identifiers, and only what is
declared after the import leaves Terraform.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from identity_reconciler.core.declared import (
    Declared,
    DeclaredGroup,
    DeclaredUser,
    Instance,
    Listed,
    ManageLinks,
    ManageObjects,
    Presence,
    Settings,
)
from identity_reconciler.core.resolution import with_all_members
from identity_reconciler.core.state import (
    ApplicationArn,
    GroupKey,
    Key,
    Principal,
    PrincipalKind,
    State,
    User,
    UserKey,
    folded,
    group_key,
    user_key,
)
from identity_reconciler.core.wording import shown
from identity_reconciler.desired.reading.terraform import ResourceType, TerraformResource
from identity_reconciler.errors import UsageError

Find = Callable[[PrincipalKind, str], Principal | None]
"""Return the live user or group with an identifier."""
Chosen = tuple[str, str]
"""Kind and folded name, or ARN, of what is to be imported."""


@dataclass(frozen=True, slots=True)
class Takeover:
    """What to import of a state of Terraform."""

    chosen: frozenset[Chosen]
    """What is managed there and live."""
    besides: frozenset[Chosen]
    """Whom lists of these name, and who is not declared yet."""
    remarks: tuple[str, ...]
    """What is gone or has changed, and what to do about it; by address."""
    found: Mapping[str, tuple[Key, ...]]
    """The live object behind each address; none where it is gone. By resource, without keys."""

    def leaving(self, declared: Declared, live: State) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the resources that Terraform may forget, and those that have to stay there.

        What it may forget is in *declared* as far as it is in *live*, and managed by it.
        """
        managed = frozenset(_managed(with_all_members(declared, live), live))
        going = {name for name, keys in self.found.items() if managed.issuperset(keys)}
        return tuple(sorted(going)), tuple(sorted(self.found.keys() - going))


def takeover(
    resources: Collection[TerraformResource], declared: Declared, live: State, find: Find
) -> Takeover:
    """Return what to import of *resources*, which a state holds, into *declared*.

    Raises:
        UsageError: All of them belong to another instance.
    """
    instance = declared.settings.instance
    ours = [one for one in resources if one.is_of(instance)]
    if not ours:
        raise UsageError(_of_another(resources, instance))
    work = _Judging(live, find)
    for one in ours:
        work.judge(one)
    if len(ours) < len(resources):
        others = [one for one in resources if not one.is_of(instance)]
        work.remarks.append(f"passed over, and left to Terraform: {_of_another(others, instance)}")
    chosen = frozenset(work.chosen)
    return Takeover(
        chosen,
        frozenset(_named(chosen, declared, live)) - chosen,
        tuple(work.remarks),
        {name: tuple(keys) for name, keys in work.found.items()},
    )


def _of_another(resources: Collection[TerraformResource], instance: Instance) -> str:
    first = min(resources, key=lambda one: one.address)
    part = "application_arn" if first.type is ResourceType.ASSIGNMENT else "identity_store_id"
    several = "" if len(resources) == 1 else "s"
    return (
        f"{len(resources)} resource{several} of another instance than {instance.instance_arn} with "
        f"{instance.identity_store_id}: {first.address} has {part} {shown(first.text(part))}; "
        "name the directory of that instance"
    )


@dataclass(slots=True)
class _Judging:
    """Compares one resource after the other with what is live."""

    live: State
    find: Find
    chosen: set[Chosen] = field(default_factory=set)
    remarks: list[str] = field(default_factory=list)
    found: dict[str, list[Key]] = field(default_factory=dict)

    def judge(self, one: TerraformResource) -> None:
        """Find *one*, choose it where it is live, and remark what is the matter with it."""
        judges = {
            ResourceType.USER: self._user,
            ResourceType.GROUP: self._group,
            ResourceType.MEMBERSHIP: self._membership,
            ResourceType.ASSIGNMENT: self._assignment,
        }
        self.found.setdefault(one.resource, []).extend(judges[one.type](one))

    def _user(self, one: TerraformResource) -> Iterator[Key]:
        name = one.text("user_name")
        principal = self.find(PrincipalKind.USER, one.text("user_id"))
        if principal is None:
            self._gone(one, f"user/{name}", another=user_key(name) in self.live.users)
            return
        user = self.live.users[UserKey(principal.name)]
        self._changed(one, name, user.user_name, list(one.differing(user)))
        self.chosen.add(("user", principal.name))
        yield user.key

    def _group(self, one: TerraformResource) -> Iterator[Key]:
        name = one.text("display_name")
        principal = self.find(PrincipalKind.GROUP, one.text("group_id"))
        if principal is None:
            self._gone(one, f"group/{name}", another=group_key(name) in self.live.groups)
            return
        group = self.live.groups[GroupKey(principal.name)]
        same = (one.values.get("description") or "") == (group.description or "")
        self._changed(one, name, group.name, [] if same else ["description"])
        self.chosen.add(("group", principal.name))
        yield group.key

    def _gone(self, one: TerraformResource, address: str, *, another: bool) -> None:
        advice = "delete its block, and declare it if it shall be made again"
        if another:
            advice = f"another of that name is live, which `import --only {address}` takes in"
        self.remarks.append(f"{one.address}: {shown(address)} is gone from AWS; {advice}")

    def _changed(
        self, one: TerraformResource, name: str, live_name: str, differing: list[str]
    ) -> None:
        said = [f"is called {shown(live_name)} in AWS"] if name != live_name else []
        if differing:
            said.append(f"has another {', '.join(differing)} in AWS")
        if said:
            self.remarks.append(
                f"{one.address}: {shown(name)} {' and '.join(said)} than in the state; what is "
                "live is written: change the YAML where the state was right"
            )

    def _membership(self, one: TerraformResource) -> Iterator[Key]:
        group = self.find(PrincipalKind.GROUP, one.text("group_id"))
        user = self.find(PrincipalKind.USER, one.text("member_id"))
        members = self.live.members.get(GroupKey(group.name)) if group else frozenset()
        if group is None or user is None or (members is not None and user.name not in members):
            self._gone_link(one, "membership")
            return
        self.chosen.add(("group", group.name))
        yield ("membership", group.name, user.name)

    def _assignment(self, one: TerraformResource) -> Iterator[Key]:
        arn = ApplicationArn(one.text("application_arn"))
        kind = one.text("principal_type").lower()
        principal = None
        if kind in set(PrincipalKind) and arn in self.live.applications:
            principal = self.find(PrincipalKind(kind), one.text("principal_id"))
        assigned = self.live.assignments.get(arn)
        if principal is None or (assigned is not None and principal not in assigned):
            self._gone_link(one, "assignment")
            return
        self.chosen.add(("application", folded(arn)))
        yield ("assignment", arn, str(principal.kind), principal.name)

    def _gone_link(self, one: TerraformResource, kind: str) -> None:
        self.remarks.append(
            f"{one.address}: the {kind} is gone from AWS; delete its block, and list it in the "
            "YAML if it shall be made again"
        )


def _named(chosen: frozenset[Chosen], declared: Declared, live: State) -> Iterator[Chosen]:
    """Yield whom the lists of *chosen* will name, and the lists of these, but for the declared."""
    settings = declared.settings
    known = {("user", folded(one.name)) for one in declared.users}
    known |= {("group", folded(one.name)) for one in declared.groups}
    pending, seen = sorted(chosen), set(chosen)
    while pending:
        for one in _names_in(pending.pop(), settings, live):
            if one not in known and one not in seen:
                seen.add(one)
                pending.append(one)
                yield one


def _names_in(one: Chosen, settings: Settings, live: State) -> Iterator[Chosen]:
    kind, name = one
    if kind == "user":
        user = live.users.get(UserKey(name)) or User(live.user_name(UserKey(name)))
        if user.manager is not None and user_key(user.manager) in live.users:
            yield ("user", user_key(user.manager))
    elif kind == "group":
        if settings.memberships is not ManageLinks.OFF:
            yield from (("user", key) for key in live.members.get(GroupKey(name), ()))
    elif settings.assignments is not ManageLinks.OFF:
        for arn, principals in live.assignments.items():
            if folded(arn) == name:
                yield from ((str(each.kind), each.name) for each in principals if not each.orphan)


def _managed(declared: Declared, live: State) -> Iterator[Key]:
    """Yield the keys of what *declared* manages, by every name that it may be live under."""
    settings = declared.settings
    yield from _objects(declared.users, settings.users)
    yield from _objects(declared.groups, settings.groups)
    users, groups = _by_name(declared.users), _by_name(declared.groups)
    if settings.memberships is not ManageLinks.OFF:
        for group in declared.groups:
            for user in _listed(group.members or (), users):
                yield from (("membership", folded(name), user) for name in group.names)
    if settings.assignments is not ManageLinks.OFF:
        for one in declared.applications:
            listed = {
                *((str(PrincipalKind.USER), name) for name in _listed(one.users, users)),
                *((str(PrincipalKind.GROUP), name) for name in _listed(one.groups, groups)),
            }
            arns = [arn for arn, app in live.applications.items() if one.selector.matches(app)]
            yield from (("assignment", arn, *principal) for arn in arns for principal in listed)


_Entries = Iterable[DeclaredUser] | Iterable[DeclaredGroup]


def _objects(entries: _Entries, mode: ManageObjects) -> Iterator[Key]:
    for entry in entries:
        if mode is not ManageObjects.REFERENCE and entry.presence is Presence.PRESENT:
            yield from ((entry.kind, folded(name)) for name in entry.names)


def _by_name(entries: _Entries) -> Mapping[str, tuple[str, ...]]:
    return {folded(one.name): one.names for one in entries}


def _listed(listed: Iterable[Listed], known: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    """Yield the folded names that those who are *listed* may be live under."""
    for one in listed:
        yield from map(folded, known.get(folded(one.name), (one.name,)))
