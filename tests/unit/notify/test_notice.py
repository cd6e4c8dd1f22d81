"""What a notice tells, and what it keeps to itself."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime

import jsonschema
import pytest

from identity_reconciler.core.declared import Declared, DeclaredOwner, DeclaredUser
from identity_reconciler.core.reminders import reminders
from identity_reconciler.core.state import Email, PrincipalKind, User, UserName
from identity_reconciler.notify.notice import (
    LISTED,
    NOTICE,
    NoticeDocument,
    NoticeTerms,
    Told,
    notice,
    notice_schema,
)
from tests.command import ROOT
from tests.golden.samples import PLANS
from tests.strategies import HERE
from tests.unit.core.test_reminders import END, ending, group

AT = datetime(2026, 12, 28, tzinfo=UTC)
EVERY = NoticeTerms("0" * 32, AT, "https://example.com/run", names=True)
NAMELESS = replace(EVERY, names=False)


def said(
    *plans: str, code: int = 0, names: bool = False, outcomes: Sequence[Mapping[str, str]] = ()
) -> NoticeDocument:
    told = Told("apply", code, [PLANS[one]() for one in plans], outcomes)
    return notice(told, EVERY if names else NAMELESS)


class TestPeople:
    """Who somebody is leaves only where that is asked for."""

    @pytest.mark.parametrize("name", ["mixed", "expiring", "many-people", "exchange"])
    def test_of_a_plan(self, name: str) -> None:
        plan = PLANS[name]()
        users = {one.address for one in plan.changes if one.kind == "user"}
        links = {one.address for one in plan.changes if one.kind != "group"}
        told = {each.address for one in said(name).instances for each in one.objects}
        assert not users & told
        assert {one for one in links & told if "/group/" not in one} == set()
        assert all(one.count("/") <= 1 for one in told if one.startswith("membership/"))
        named = {each.address for one in said(name, names=True).instances for each in one.objects}
        assert named <= {one.address for one in plan.changes}

    def test_of_reminders(self) -> None:
        declared = owned()
        due = reminders(declared, AT.date(), AT.date())
        told = Told("reminder", 0, reminders=[(declared, due)])
        (one,) = notice(told, NAMELESS).reminders
        assert (one.owners, one.owning_users, one.principals, one.recipients) == (
            ("group/g",),
            1,
            (),
            (),
        )
        assert (one.address, one.count, one.days, one.last_day) == (
            "group/g",
            2,
            3,
            date(2026, 12, 31),
        )
        text = notice(told, NAMELESS).model_dump_json()
        assert not [name for name in ("ann", "bob", "example.com/") if f"{name}@" in text]
        assert "ann" not in text
        (named,) = notice(told, EVERY).reminders
        assert named.owners == ("group/g", "user/ann")
        assert named.principals == ("user/ann", "user/bob")
        assert [(each.user_name, each.email) for each in named.recipients] == [
            ("ann", "ann@example.com"),
            ("bob", None),
        ]
        assert named.id == one.id


def owned() -> Declared:
    owners = (
        DeclaredOwner(PrincipalKind.GROUP, "g", HERE),
        DeclaredOwner(PrincipalKind.USER, "ann", HERE),
    )
    users = (
        DeclaredUser(User(UserName("ann"), email=Email("ann@example.com")), HERE),
        DeclaredUser(User(UserName("bob")), HERE),
    )
    return replace(group(ending(END), ending(END, "bob"), owners=owners), users=users)


class TestReminders:
    """The same reminder has the same identifier, so that it need not be told twice."""

    def ids(self, day: date, since: date, *members: str) -> list[str]:
        declared = group(*(ending(END, name) for name in members))
        told = Told("reminder", 0, reminders=[(declared, reminders(declared, since, day))])
        return [one.id for one in notice(told, replace(NAMELESS, id="other")).reminders]

    def test_whenever_it_is_told(self) -> None:
        first = self.ids(date(2026, 12, 28), date(2026, 12, 28), "ann", "bob")
        assert len(first) == 1
        assert self.ids(date(2026, 12, 30), date(2026, 12, 27), "ann", "bob") == first
        assert self.ids(date(2026, 12, 17), date(2026, 12, 17), "ann", "bob") != first

    def test_says_nothing_of_who_it_is(self) -> None:
        """A digest over a name could be guessed."""
        day = date(2026, 12, 28)
        assert self.ids(day, day, "ann") == self.ids(day, day, "bob")


class TestText:
    """People read what came of it first, and no value begins a line of its own."""

    def test_an_apply(self) -> None:
        plan = PLANS["mixed"]()
        outcomes = dict.fromkeys((one.address for one in plan.changes), "applied")
        outcomes["membership/admins/eve"] = "failed"
        assert "membership/admins/eve" in {one.address for one in plan.changes}
        lines = said("mixed", code=7, outcomes=[outcomes]).text.splitlines()
        assert lines[0].startswith("apply ended with 7: partial: ")
        assert lines[1:4] == [
            "apply of main: 3 created, 2 updated, 1 renamed, 7 removed",
            f"{len(plan.changes) - 1} applied, 1 failed",
            "delete membership/admins: failed",
        ]

    def test_what_guards_refuse(self) -> None:
        lines = said("blocked", code=4).text.splitlines()
        assert "refused by wipe, protected" in lines

    def test_without_a_plan(self) -> None:
        assert said(code=1).text.startswith("apply ended with 1: unexpected error")

    def test_hostile_values_stay_on_their_lines(self) -> None:
        for line in said("hostile", names=True).text.splitlines():
            assert line.isprintable()


class TestSize:
    """However much there is, a notice stays small and counts the rest."""

    def test_objects(self) -> None:
        plan = PLANS["huge"]()
        (one,) = said("huge", names=True).instances
        assert len(one.objects) == LISTED
        assert one.not_listed == len(plan.changes) - LISTED
        assert len(said("huge", names=True).model_dump_json()) < 40_000

    def test_reminders(self) -> None:
        declared = [group(ending(END), name=f"g{number:03}") for number in range(120)]
        due = [(one, reminders(one, AT.date(), AT.date())) for one in declared]
        found = notice(Told("reminder", 0, reminders=due), NAMELESS)
        assert (len(found.reminders), found.reminders_not_listed) == (LISTED, 120 - LISTED)
        assert found.text.splitlines()[-1] == "and 110 more"


class TestWorth:
    """Nobody is told that nothing happened."""

    @pytest.mark.parametrize(
        ("plans", "code", "worth"),
        [
            (["nothing"], 0, False),
            ([], 0, False),
            ([], 1, True),
            (["nothing"], 7, True),
            (["mixed"], 0, True),
            (["unresolved"], 0, True),
        ],
    )
    def test_of(self, plans: list[str], code: int, *, worth: bool) -> None:
        told = Told("plan", code, [PLANS[one]() for one in plans])
        assert told.is_worth_it is worth


class TestSchema:
    """Who receives notices can rely on what is written down of them."""

    def test_is_current(self) -> None:
        assert (ROOT / "schemas" / NOTICE).read_text("utf-8") == notice_schema()

    @pytest.mark.parametrize("name", ["mixed", "blocked", "huge"])
    def test_notices_are_valid(self, name: str) -> None:
        schema = json.loads(notice_schema())
        jsonschema.Draft202012Validator.check_schema(schema)
        written = json.loads(said(name).model_dump_json(exclude_none=True))
        assert not list(jsonschema.Draft202012Validator(schema).iter_errors(written))
        written["event"] = "party"
        assert list(jsonschema.Draft202012Validator(schema).iter_errors(written))
