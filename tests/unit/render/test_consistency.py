"""A saved plan whose file was rewritten, and given a digest that fits again."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Any, Literal

import pytest
from hypothesis import given

from identity_reconciler.core.attributes import USER_ATTRIBUTES
from identity_reconciler.core.declared import DeclaredUser, Presence
from identity_reconciler.core.guard_settings import GuardSettings, PrivilegedNames
from identity_reconciler.core.plan import Delete, Reason
from identity_reconciler.core.state import (
    Assignment,
    Email,
    Group,
    GroupKey,
    GroupName,
    Membership,
    PhoneNumber,
    Photo,
    PostalAddress,
    Role,
    User,
    UserKey,
    UserName,
)
from identity_reconciler.errors import Position, StalePlanError
from identity_reconciler.render.document import (
    AccountAccessDocument,
    GenerationDocument,
    PassingDocument,
    PersonDocument,
    PlanDocument,
)
from identity_reconciler.render.planfile import (
    document_of,
    instance_of,
    plan_bytes,
    plan_of,
    read_plan,
)
from tests.golden.samples import LIVE, PLANS, TOUCHED, listed, made, mixed, person
from tests.strategies import NOW, World, worlds

Json = Any
"""What json.loads returns."""


class Fate(Enum):
    """What may become of a plan when one field of it is rewritten."""

    REFUSED = auto()
    """It follows from the changes: any other value is refused."""
    TOLD = auto()
    """Nothing else in the plan says it and nothing is done by it; what cannot be is refused."""
    HELD = auto()
    """It alone says what is to be done, or where and when it may be."""


TOLD, REFUSED, HELD = Fate.TOLD, Fate.REFUSED, Fate.HELD


def _resource(side: str, attributes: Fate, application: Fate, **others: Fate) -> dict[str, Fate]:
    """Return the fates of the fields of what stands on one side of one action."""
    own = {"cleared": REFUSED, "foreign": REFUSED, "provenance": REFUSED} | others
    named = [attribute.field for attribute in USER_ATTRIBUTES]
    found = {
        **{f"user.{name}": attributes for name in named},
        **{f"{kind}.{name}": fate for kind in ("user", "group") for name, fate in own.items()},
        "user.user_name": REFUSED,
        "group.name": REFUSED,
        "group.description": attributes,
    }
    if side in {"create.after", "delete.before"}:
        found |= {
            "membership.group": REFUSED,
            "membership.user": REFUSED,
            # Its name is held against the live one before anything is done.
            "assignment.application": application,
            "assignment.application_name": REFUSED,
            "assignment.principal": REFUSED,
            # Left out, the folded name is shown in its place.
            "assignment.principal_name": TOLD,
        }
    return {f"changes.{side}.{name}": fate for name, fate in found.items()}


FATES: Mapping[str, Fate] = {
    "format": REFUSED,
    # A newer minor version may say more.
    "format_version": TOLD,
    "tool_version": TOLD,
    # Held against AWS before anything is done.
    "instance.name": HELD,
    "instance.region": HELD,
    "instance.account_id": HELD,
    "instance.instance_arn": HELD,
    "instance.identity_store_id": HELD,
    "instance.delegated_administrator": HELD,
    "instance": HELD,
    "live": TOLD,
    "source": TOLD,
    "source.digest": TOLD,
    "source.files": TOLD,
    "source.commit": HELD,
    "source.directory": TOLD,
    "source.changed_since": HELD,
    "source.only_ids": HELD,
    "source.gone_ids": TOLD,
    # The approvals to paste begin on that day.
    "as_of": TOLD,
    "valid_until": HELD,
    "live.users": TOLD,
    "live.groups": TOLD,
    "live.memberships": TOLD,
    "live.assignments": TOLD,
    "live.requests": TOLD,
    "live.seconds": TOLD,
    "live.sandbox": HELD,
    # Held against what was applied last before anything is done.
    "generation": HELD,
    "generation.lock": HELD,
    "generation.number": HELD,
    "generation.applying": TOLD,
    # Others are told it; what is unreadable is refused.
    "generation.claims": HELD,
    # What guards say takes the settings and the live state to find out: `--approved` does.
    "guards": HELD,
    "guards.guard": HELD,
    "guards.standing": REFUSED,
    "guards.found": TOLD,
    "guards.expected": TOLD,
    "guards.addresses": TOLD,
    "guards.count": REFUSED,
    "guards.remedies": TOLD,
    "guards.approval": REFUSED,
    "guards.by_base": TOLD,
    # What stood at the base takes Git to find out.
    "control": TOLD,
    "control.base": TOLD,
    "control.loosened": TOLD,
    "control.loosened.aspect": TOLD,
    "control.loosened.text": TOLD,
    "control.loosened.addresses": TOLD,
    "control.loosened.source": TOLD,
    "control.loosened.source.file": TOLD,
    "control.loosened.source.line": TOLD,
    "control.loosened.source.column": TOLD,
    "control.loosened.at_base": TOLD,
    "control.unmatched": TOLD,
    "control.unmatched.text": TOLD,
    "control.unmatched.source": TOLD,
    "control.unmatched.source.file": TOLD,
    "control.unmatched.source.line": TOLD,
    "control.unmatched.source.column": TOLD,
    # When it was reviewed takes the YAML to find out.
    "overdue": TOLD,
    "overdue.address": TOLD,
    "overdue.since": TOLD,
    "overdue.asked": TOLD,
    "overdue.ends_after": TOLD,
    "overdue.source": TOLD,
    "overdue.source.file": TOLD,
    "overdue.source.line": TOLD,
    "overdue.source.column": TOLD,
    # What is bound to what is live, and what is not, takes that and the YAML to find out.
    "unresolved": TOLD,
    "unresolved.message": TOLD,
    "unresolved.source": TOLD,
    "unresolved.source.file": TOLD,
    "unresolved.source.line": TOLD,
    "unresolved.source.column": TOLD,
    # Who had access already takes the live state to find out.
    "access": TOLD,
    "access.effect": REFUSED,
    "access.application": TOLD,
    "access.application_arn": TOLD,
    "access.people": REFUSED,
    "access.listed": REFUSED,
    "access.listed.user": TOLD,
    "access.listed.paths": TOLD,
    "access_complete": TOLD,
    # Who may do what in an account takes AWS to find out.
    "account_access": TOLD,
    "account_access.effect": REFUSED,
    "account_access.account": TOLD,
    "account_access.account_name": TOLD,
    "account_access.access": TOLD,
    "account_access.kind": REFUSED,
    "account_access.arn": TOLD,
    "account_access.people": REFUSED,
    "account_access.listed": REFUSED,
    "account_access.listed.user": TOLD,
    "account_access.listed.paths": TOLD,
    "account_access_read": TOLD,
    "account_access_note": TOLD,
    # Which names there are beside takes the live state and the YAML to find out.
    "resemblances": TOLD,
    "resemblances.address": TOLD,
    "resemblances.other": TOLD,
    "resemblances.characters": REFUSED,
    "counts": REFUSED,
    "counts.create": REFUSED,
    "counts.update": REFUSED,
    "counts.rename": REFUSED,
    "counts.delete": REFUSED,
    "changes": REFUSED,
    "changes.action": REFUSED,
    "changes.kind": REFUSED,
    "changes.address": REFUSED,
    "changes.differences": REFUSED,
    "changes.via": TOLD,
    "changes.differences.field": REFUSED,
    "changes.differences.before": REFUSED,
    "changes.differences.after": REFUSED,
    "changes.reason": TOLD,
    "changes.cascaded": REFUSED,
    # The user or group that is deleted is itself; the other end is held against what is live.
    "changes.cascaded.group": HELD,
    "changes.cascaded.user": HELD,
    "changes.source": TOLD,
    "changes.source.file": TOLD,
    "changes.source.line": TOLD,
    "changes.source.column": TOLD,
    "changes.expires": TOLD,
    "changes.note": TOLD,
    "changes.pending": TOLD,
    # Which names guards protect takes the settings to find out.
    "changes.guarded": TOLD,
    "changes.last_changed": TOLD,
    # Who owns an application takes AWS to find out.
    "changes.owned_by": TOLD,
    # Which changes may be made side by side takes the live state to find out.
    "changes.wave": TOLD,
    "in_passing": TOLD,
    "in_passing.effect": TOLD,
    "in_passing.target": TOLD,
    "in_passing.apart_from": TOLD,
    "in_passing.account": TOLD,
    "in_passing.arn": TOLD,
    "in_passing.requests": TOLD,
    "in_passing.people": TOLD,
    "in_passing.listed": TOLD,
    # What a user or group is created with stands in the plan once, as in the YAML.
    **_resource("create.after", HELD, HELD, cleared=REFUSED, foreign=REFUSED, provenance=REFUSED),
    # `differences` say what is changed, and nothing else may be.
    **_resource("update.before", REFUSED, REFUSED),
    **_resource("update.after", REFUSED, REFUSED),
    **_resource("rename.before", REFUSED, REFUSED),
    **_resource("rename.after", REFUSED, REFUSED),
    # Held against what is live before anything is done.
    **_resource("delete.before", HELD, HELD, cleared=REFUSED, foreign=HELD, provenance=TOLD),
    "withheld": TOLD,
    "withheld.kind": REFUSED,
    "withheld.address": TOLD,
    "withheld.reason": TOLD,
    # When something starts takes the YAML to find out, as when it expires.
    "changes.starts": TOLD,
    "starting": TOLD,
    "starting.address": TOLD,
    "starting.starts": TOLD,
    "starting.expires": TOLD,
    "starting.source": TOLD,
    "starting.source.file": TOLD,
    "starting.source.line": TOLD,
    "starting.source.column": TOLD,
    "expiring": TOLD,
    "expiring.address": TOLD,
    "expiring.expires": TOLD,
    "expiring.source": TOLD,
    "expiring.source.file": TOLD,
    "expiring.source.line": TOLD,
    "expiring.source.column": TOLD,
    # Held against what is live before anything is done.
    "witnesses": HELD,
    "witnesses.address": REFUSED,
    "witnesses.witness": HELD,
}


_SIDES = {
    "create.after": (User, Group, Membership, Assignment),
    "delete.before": (User, Group, Membership, Assignment),
    "update.before": (User, Group),
    "update.after": (User, Group),
    "rename.before": (User, Group),
    "rename.after": (User, Group),
}
_SCHEMA: Json = PlanDocument.model_json_schema()


def paths(schema: Json, path: str = "") -> Iterator[str]:
    """Yield the path of every field that a plan may have, by the schema of the document."""
    if "$ref" in schema:
        schema = _SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]]
    for part in (*schema.get("anyOf", ()), *filter(None, (schema.get("items"),))):
        yield from paths(part, path)
    if "additionalProperties" in schema:
        yield from paths(schema["additionalProperties"], path)
    for name, below in schema.get("properties", {}).items():
        here = f"{path}.{name}".lstrip(".")
        if here in {"changes.before", "changes.after"}:
            yield from _paths_of_resources(name)
        else:
            yield from (here, *paths(below, here))


def _paths_of_resources(side: str) -> Iterator[str]:
    for place, classes in _SIDES.items():
        for cls in classes if place.endswith(side) else ():
            start = f"changes.{place}.{cls.__name__.lower()}"
            yield from (f"{start}.{field.name}" for field in fields(cls))


PATHS = frozenset(paths(_SCHEMA))
BELOW: Mapping[str, list[tuple[str, str]]] = defaultdict(list)
for _path in sorted(PATHS):
    BELOW[_path.rpartition(".")[0]].append((_path, _path.rpartition(".")[2]))
"""The paths of the fields right below each path, and the names of these fields."""

Place = tuple[str | int, ...]


def places(data: Json, path: str = "", place: Place = ()) -> Iterator[tuple[str, Place]]:
    """Yield where a plan has fields, or could have some that are missing, with their paths."""
    if isinstance(data, list) or place == ("counts",):
        for step, item in enumerate(data) if isinstance(data, list) else data.items():
            yield from places(item, path, (*place, step))
    elif isinstance(data, dict):
        for side in ("before", "after") if path == "changes" else ():
            if side in data:
                start = f"changes.{data['action']}.{side}.{data['kind']}"
                yield from ((each, (*place, side, name)) for each, name in BELOW[start])
        for each, name in BELOW[path]:
            yield each, (*place, name)
            yield from places(data.get(name), each, (*place, name))


MISSING = object()


def found(data: Json, place: Place) -> Json:
    for step in place:
        if isinstance(data, dict) and step not in data:
            return MISSING
        data = data[step]
    return data


def others(value: Json) -> Iterator[Json]:
    """Yield values that are near *value*: of its type, and none at all."""
    match value:
        case bool():
            yield not value
        case int() | float():
            yield from (value + 1, value - 1)
        case str():
            yield from (f"{value}x", value.upper(), "")
            try:
                instant = datetime.fromisoformat(value)
            except ValueError:
                return
            for days in (-400, -1, 1, 400):
                yield (instant + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")
        case [first, *rest]:
            yield from ([*rest], [first, *value], value[::-1])
        case dict():
            yield from ({**value, name: other} for name in value for other in others(value[name]))
            yield from ({k: v for k, v in value.items() if k != name} for name in value)
        case _:
            yield from (["title"], {"updated_by": "x"}, True, "x", 1, [], {})


def rewrite(data: Json, place: Place, value: Json) -> None:
    """Put another value into one place of a plan."""
    *way, last = place
    holder = found(data, tuple(way))
    if value is MISSING:
        del holder[last]
    else:
        holder[last] = value


def done(plan: PlanDocument) -> object:
    """Return everything that `apply` goes by, as far as it is not only told."""
    return (
        [
            replace(change, reason=Reason.UNDECLARED) if isinstance(change, Delete) else change
            for change in plan_of(plan).changes
        ],
        plan_of(plan).witnesses,
        instance_of(plan),
        (plan.source.commit, plan.source.changed_since, plan.source.only_ids),
        (plan.valid_until, plan.live.sandbox),
        {guard.guard for guard in plan.guards if guard.standing == "blocked"},
    )


def full(name: str, title: str = "Engineer") -> User:
    """Return a user with every attribute."""
    texts = {one.field: f"some {one.field}" for one in USER_ATTRIBUTES if one.structure is None}
    return User(
        UserName(name),
        **{
            **texts,
            "title": title,
            "manager": "eve",
            "email": Email(f"{name}@example.com", "work", primary=True),
            "phone_number": PhoneNumber("+1 555 0100", "work", primary=True),
            "address": PostalAddress("1 Main St", country="US", primary=True),
            "photos": (Photo("https://example.com/1", "photo", "One", primary=True),),
            "role": Role("Owner", "work", primary=True),
        },  # type: ignore[arg-type]
    )


def rich() -> PlanDocument:
    """Return a plan in which every field of a document occurs somewhere."""
    live = replace(
        LIVE,
        users={
            **LIVE.users,
            **{
                UserKey(name): replace(full(name), provenance=TOUCHED)
                for name in ("ana", "bob", "old")
            },
            UserKey("\N{CYRILLIC SMALL LETTER A}na"): person("\N{CYRILLIC SMALL LETTER A}na"),
        },
        groups={**LIVE.groups, GroupKey("plain"): Group(GroupName("plain"), "Plain")},
    )
    base = mixed()
    plain = replace(
        base.groups[1], group=Group(GroupName("plain"), "Plainer"), presence=Presence.PRESENT
    )
    users = (
        DeclaredUser(full("ana", "Lead"), Position("users.yaml", 3, 5)),
        base.users[1],
        DeclaredUser(person("eve", title="Engineer"), Position("users.yaml", 12, 5)),
        DeclaredUser(full("new"), Position("users.yaml", 15, 5)),
        DeclaredUser(full("young"), Position("users.yaml", 18, 5), previous_names=("old",)),
        DeclaredUser(User(UserName("gone")), Position("users.yaml", 21, 5), Presence.EXTERNAL),
    )
    new_group = replace(
        base.groups[0],
        group=Group(GroupName("fresh"), "Fresh"),
        previous_names=(),
        members=listed("ana", line=40),
    )
    guards = GuardSettings(privileged=PrivilegedNames(groups=("operators",)))
    declared = replace(
        base,
        users=users,
        groups=(*base.groups, plain, new_group),
        settings=replace(base.settings, rename_users=True, guards=guards),
    )
    plan = made(declared, live)
    accounts = (accounts_of("loses", "bob", "contractors"), accounts_of("gains", "ana", "fresh"))
    passing = tuple(
        PassingDocument(
            effect=effect,
            target="Reader",
            account="prod (111122223333)",
            arn="arn:aws:iam::111122223333:role/ops/Reader",
            requests=2,
            people=1,
            listed=("ana",),
        )
        for effect in ("without", "over-granted")
    )
    together = PassingDocument(
        effect="over-granted",
        target="group admins",
        apart_from="application Payroll",
        requests=1,
        people=1,
        listed=("ana",),
    )
    who = "GitHub run 7, attempt 1 since 2026-03-01T08:59:00Z, until 2026-03-01T09:14:00Z"
    more = {
        "account_access": accounts,
        "account_access_read": "list",
        "in_passing": (*passing, together),
        "generation": GenerationDocument(
            lock="directory", number=7, applying=who, claims='{"owns":{},"leaves":{}}'
        ),
    }
    return plan.model_copy(update=more)


def accounts_of(effect: Literal["loses", "gains"], user: str, group: str) -> AccountAccessDocument:
    """Return that *user* loses or gains a role in an account through *group*."""
    return AccountAccessDocument(
        effect=effect,
        account="111122223333",
        account_name="prod",
        access="role/ops/Reader",
        kind="role",
        arn="arn:aws:iam::111122223333:role/ops/Reader",
        people=1,
        listed=(PersonDocument(user=user, paths=(f"through {group}",)),),
    )


SAMPLES = {"rich": rich} | {
    name: PLANS[name] for name in ("blocked", "expiring", "loosens-control", "with-base")
}


MANY = 3
"""Dots, and more in the path of a field of a user or group: a few of them are enough."""


def fates(plan: PlanDocument) -> Iterator[tuple[str, Place, Fate]]:
    """Rewrite every field of *plan* in every way there is, and yield what became of each."""
    data = json.loads(plan_bytes(plan))
    del data["digest"]
    text = json.dumps(data)
    values: dict[str, list[Json]] = defaultdict(list)
    for path, place in places(data):
        value = found(data, place)
        if value is not MISSING and value not in values[path]:
            values[path].append(value)
    times: Counter[str] = Counter()
    for path, place in places(data):
        times[path] += 1
        value = found(data, place)
        removed = () if value is MISSING else (MISSING,)
        different = (*removed, *others(value), *values[path][:2])
        is_attribute = path.count(".") > MANY
        if times[path] > (1 if is_attribute else 3):
            continue
        for other in different[:3] if is_attribute else different:
            if other is MISSING or type(other) is not type(value) or other != value:
                rewritten = json.loads(text)
                rewrite(rewritten, place, other)
                yield path, place, fate(plan, rewritten)


def fate(plan: PlanDocument, data: Json) -> Fate:
    try:
        read = document_of(data)
    except StalePlanError:
        return REFUSED
    return TOLD if done(read) == done(plan) else HELD


class TestRewrittenPlans:
    """A field of a saved plan follows from others and is held to them, or it is known not to."""

    def test_every_field_is_decided_on(self) -> None:
        assert FATES.keys() == PATHS

    def test_every_field_is_rewritten(self) -> None:
        rewritten = {
            path for make in SAMPLES.values() for path, _ in places(json.loads(plan_bytes(make())))
        }
        assert rewritten == PATHS

    @pytest.mark.parametrize("name", SAMPLES)
    def test_no_field_can_say_what_is_not_done(self, name: str) -> None:
        worse = [
            (path, place, fate)
            for path, place, fate in fates(SAMPLES[name]())
            if fate not in _allowed(FATES[path])
        ]
        assert worse == []


class TestControl:
    """Only with a base can something be looser, or refused by its guards alone."""

    @pytest.mark.parametrize(
        "update",
        [
            {"control": None},
            {"control": {"base": None}},
            {"control": {"base": None, "loosened": ()}},
            {"control": {"base": None, "loosened": (), "unmatched": ()}, "guards": ()},
        ],
    )
    def test_that_contradicts_itself(self, update: dict[str, Any]) -> None:
        plan = PLANS["loosens-control"]()
        assert plan.control is not None
        control = update["control"]
        if control is not None:
            update = {**update, "control": plan.control.model_copy(update=control)}
        with pytest.raises(StalePlanError, match="contradicts itself"):
            read_plan(plan_bytes(plan.model_copy(update=update)))


class TestOverdue:
    """A review that is told to be overdue is, and ends nothing before it is."""

    @pytest.mark.parametrize(
        ("update", "said"),
        [
            ({"since": NOW.date()}, "is not overdue, or ends before it is"),
            ({"ends_after": NOW.date() - timedelta(days=9)}, "is not overdue, or ends before"),
            ({"address": "user/ana"}, "user/ana cannot be reviewed"),
        ],
    )
    def test_that_contradicts_itself(self, update: dict[str, Any], said: str) -> None:
        plan = PLANS["expiring"]()
        (one,) = plan.overdue
        with pytest.raises(StalePlanError, match=said):
            read_plan(
                plan_bytes(plan.model_copy(update={"overdue": (one.model_copy(update=update),)}))
            )

    def test_the_longest_overdue_stand_first(self) -> None:
        plan = PLANS["expiring"]()
        (one,) = plan.overdue
        older = one.model_copy(update={"since": one.since - timedelta(days=1)})
        told = plan.model_copy(update={"overdue": (older, one)})
        assert read_plan(plan_bytes(told)) == told
        with pytest.raises(StalePlanError, match="not in order"):
            read_plan(plan_bytes(plan.model_copy(update={"overdue": (one, older)})))


class TestPassing:
    """Somebody has or lacks one thing, or has two that are kept apart."""

    @pytest.mark.parametrize(
        "update",
        [
            {"apart_from": None},
            {"arn": "arn:aws:sso:::permissionSet/x"},
            {"account": "prod"},
            {"effect": "without"},
        ],
    )
    def test_that_contradicts_itself(self, update: dict[str, Any]) -> None:
        plan = PLANS["kept-apart"]()
        (one,) = plan.in_passing
        assert read_plan(plan_bytes(plan)) == plan
        wrong = plan.model_copy(update={"in_passing": (one.model_copy(update=update),)})
        with pytest.raises(StalePlanError, match="contradicts itself"):
            read_plan(plan_bytes(wrong))


class TestStarts:
    """Nothing is granted before it starts, nor taken for that when it has started."""

    @pytest.mark.parametrize(
        ("update", "said"),
        [
            ({"address": "user/ana"}, "user/ana cannot start"),
            ({"starts": NOW}, "membership/contractors/ana has started"),
            ({"expires": NOW}, "membership/contractors/ana is yet to start, and has expired"),
        ],
    )
    def test_what_waits_is_to_come(self, update: dict[str, Any], said: str) -> None:
        plan = PLANS["expiring"]()
        (one,) = plan.starting
        told = plan.model_copy(update={"starting": (one.model_copy(update=update),)})
        with pytest.raises(StalePlanError, match=said):
            read_plan(plan_bytes(told))

    def test_the_soonest_stand_first(self) -> None:
        plan = PLANS["expiring"]()
        (one,) = plan.starting
        sooner = one.model_copy(update={"starts": one.starts - timedelta(days=1)})
        told = plan.model_copy(update={"starting": (sooner, one)})
        assert read_plan(plan_bytes(told)) == told
        with pytest.raises(StalePlanError, match="not in order"):
            read_plan(plan_bytes(plan.model_copy(update={"starting": (one, sooner)})))

    @pytest.mark.parametrize(
        ("address", "starts", "said"),
        [
            ("contractors/eve", NOW + timedelta(seconds=1), "is created before it starts"),
            ("contractors/ana", NOW, "is removed as not listed after it has started"),
        ],
    )
    def test_of_changes(self, address: str, starts: datetime, said: str) -> None:
        plan = PLANS["expiring"]()
        changes = tuple(
            one.model_copy(update={"starts": starts}) if one.address.endswith(address) else one
            for one in plan.changes
        )
        assert changes != plan.changes
        with pytest.raises(StalePlanError, match=said):
            read_plan(plan_bytes(plan.model_copy(update={"changes": changes})))


class TestAccounts:
    """Access to accounts that was not read whole is not said to be complete."""

    @pytest.mark.parametrize(
        "update",
        [
            {"account_access_note": "the management account may ask"},
            {"account_access_read": "off"},
            {"account_access_read": "denied"},
        ],
    )
    def test_that_contradicts_itself(self, update: dict[str, Any]) -> None:
        plan = PLANS["mixed"]()
        told = plan.model_copy(update={**update, "access_complete": False})
        assert read_plan(plan_bytes(told)) == told
        with pytest.raises(StalePlanError, match="says that access is complete"):
            read_plan(plan_bytes(plan.model_copy(update=update)))

    @pytest.mark.parametrize(
        "update",
        [
            {"account": "prod"},
            {"access": "Reader"},
            {"people": 2},
            {"listed": (PersonDocument(user="ana", paths=("through contractors", "directly")),)},
        ],
    )
    def test_that_no_change_gives(self, update: dict[str, Any]) -> None:
        told = accounts_of("loses", "bob", "contractors")
        plan = PLANS["mixed"]().model_copy(update={"account_access": (told,)})
        assert read_plan(plan_bytes(plan)) == plan
        wrong = (told.model_copy(update=update),)
        with pytest.raises(StalePlanError, match="contradicts itself"):
            read_plan(plan_bytes(plan.model_copy(update={"account_access": wrong})))


def _allowed(fate: Fate) -> set[Fate]:
    return {REFUSED: {REFUSED}, TOLD: {REFUSED, TOLD}, HELD: {REFUSED, TOLD, HELD}}[fate]


class TestPlansAsMade:
    """No plan that the program makes contradicts itself."""

    @given(world=worlds())
    def test_of_any_world(self, world: World) -> None:
        live, declared = world
        plan = made(declared, live)
        assert read_plan(plan_bytes(plan)) == plan
