"""Names as they are compared and shown, and states as one reads them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from identity_reconciler.core.attributes import USER_ATTRIBUTES
from identity_reconciler.core.state import (
    Application,
    ApplicationArn,
    Assignment,
    Group,
    GroupKey,
    GroupName,
    Key,
    Membership,
    Principal,
    PrincipalKind,
    Provenance,
    Resource,
    State,
    User,
    UserKey,
    UserName,
    address,
    folded,
    group_key,
    user_key,
)

ARN = ApplicationArn("arn:Wiki")
OF_ANA = Principal(PrincipalKind.USER, "ana")
OF_OPS = Principal(PrincipalKind.GROUP, "ops")
ORPHAN = Principal(PrincipalKind.GROUP, "9067-X", orphan=True)
ANA, OPS = User(UserName("Ana")), Group(GroupName("Ops"))


class TestFolded:
    """Two spellings are one name when Unicode and letter case alone tell them apart."""

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("ANA", "ana"),
            ("STRASSE", "straße"),
            ("Dédé", "DÉDÉ"),
            ("de\u0301de\u0301", "dédé"),
            ("DE\u0301DE\u0301", "dédé"),
            # Folding the letter takes it apart; the forms are composed before and afterwards.
            ("\u1fb3", "\u1fbc"),
            ("\u03b1\u0345\u0301", "\u1fb4"),
            ("\u01f0", "J\u030c"),
        ],
    )
    def test_alike(self, one: str, other: str) -> None:
        assert folded(one) == folded(other)
        assert str(user_key(one)) == str(group_key(other)) == folded(one)

    @pytest.mark.parametrize(("one", "other"), [("ana", "anna"), ("é", "e"), ("ana", "ana ")])
    def test_not_alike(self, one: str, other: str) -> None:
        assert folded(one) != folded(other)

    @pytest.mark.parametrize("name", ["ANA", "STRASSE", "Dédé", "\u01f0", "\u1fbc"])
    def test_of_what_is_folded_is_the_same(self, name: str) -> None:
        assert folded(folded(name)) == folded(name)


class TestKeys:
    """A key is the kind and the folded names; an address is what people call it."""

    @pytest.mark.parametrize(
        ("resource", "key", "shown"),
        [
            (ANA, ("user", "ana"), "user/Ana"),
            (OPS, ("group", "ops"), "group/Ops"),
            (
                Membership(GroupName("Ops"), UserName("Ana")),
                ("membership", "ops", "ana"),
                "membership/Ops/Ana",
            ),
            (
                Assignment(ARN, OF_ANA, "Wiki", "Ana"),
                ("assignment", "arn:Wiki", "user", "ana"),
                "assignment/Wiki/user/Ana",
            ),
            (
                Assignment(ARN, OF_OPS),
                ("assignment", "arn:Wiki", "group", "ops"),
                "assignment/arn:Wiki/group/ops",
            ),
            (
                Assignment(ARN, ORPHAN, "Wiki", "9067-X"),
                ("assignment", "arn:Wiki", "orphaned-group", "9067-X"),
                "assignment/Wiki/orphaned-group/9067-X",
            ),
        ],
    )
    def test_of_each_kind(self, resource: Resource, key: Key, shown: str) -> None:
        assert resource.key == key
        assert address(resource) == shown

    def test_what_aws_reports_besides_makes_no_difference(self) -> None:
        reported = Provenance(created_by="x")
        assert replace(ANA, provenance=reported) == ANA
        assert replace(OPS, provenance=reported) == OPS
        assert Assignment(ARN, OF_ANA, "Wiki", "Ana") == Assignment(ARN, OF_ANA)

    def test_attributes_are_what_can_be_set(self) -> None:
        fields = [attribute.field for attribute in USER_ATTRIBUTES]
        assert len(fields) == len(set(fields))
        assert set(User.__dataclass_fields__) - set(fields) == {
            *("user_name", "cleared", "foreign", "provenance")
        }


STATE = State(
    users={UserKey("ana"): ANA},
    groups={GroupKey("ops"): OPS},
    members={GroupKey("ops"): frozenset({UserKey("ana")})},
    applications={ARN: Application(ARN, "Wiki")},
    assignments={ARN: frozenset({OF_ANA})},
)


class TestState:
    """A state knows the spelling of what is in it, and calls the rest by its key."""

    def test_spelling(self) -> None:
        assert STATE.user_name(UserKey("ana")) == "Ana"
        assert STATE.user_name(UserKey("ops")) == "ops"
        assert STATE.group_name(GroupKey("ops")) == "Ops"
        assert STATE.group_name(GroupKey("ana")) == "ana"

    def test_links(self) -> None:
        assert address(STATE.membership(GroupKey("ops"), UserKey("ana"))) == "membership/Ops/Ana"
        assert address(STATE.membership(GroupKey("ana"), UserKey("ops"))) == "membership/ana/ops"
        for principal, shown in (
            (OF_ANA, "assignment/Wiki/user/Ana"),
            (OF_OPS, "assignment/Wiki/group/Ops"),
            (replace(OF_ANA, name="ops"), "assignment/Wiki/user/ops"),
            (replace(OF_OPS, name="ana"), "assignment/Wiki/group/ana"),
            (ORPHAN, "assignment/Wiki/orphaned-group/9067-X"),
            (replace(OF_ANA, orphan=True), "assignment/Wiki/orphaned-user/ana"),
        ):
            assert address(STATE.assignment(ARN, principal)) == shown
        unknown = State().assignment(ARN, OF_ANA)
        assert (unknown.application_name, unknown.principal_name) == ("", "ana")

    @pytest.mark.parametrize("twin", ["Wiki", "wiki", " Wiki", "Wi  ki"])
    def test_an_application_whose_name_is_not_unique_is_called_by_its_arn_too(
        self, twin: str
    ) -> None:
        other = ApplicationArn("arn:aws:other")
        name = "Wi ki" if twin == "Wi  ki" else "Wiki"
        state = State(applications={ARN: Application(ARN, name), other: Application(other, twin)})
        assert address(state.assignment(ARN, OF_ANA)) == f"assignment/{name} ({ARN})/user/ana"
        assert address(state.assignment(other, OF_ANA)) == f"assignment/{twin} ({other})/user/ana"

    def test_an_application_that_pretends_to_be_another_one(self) -> None:
        forger, twin = ApplicationArn("arn:aws:forger"), ApplicationArn("arn:aws:twin")
        names = {ARN: "Wiki", twin: "Wiki", forger: f"Wiki ({ARN})"}
        state = State(applications={arn: Application(arn, name) for arn, name in names.items()})
        assert len({state.application_label(arn) for arn in names}) == len(names)
        assert forger in state.application_label(forger)

    def test_an_empty_one_holds_nothing(self) -> None:
        assert State() == State({}, {}, {}, {}, {})
        assert "_ambiguous" not in repr(State())

    def test_united_with_another_it_holds_both_and_its_own_first(self) -> None:
        other_arn = ApplicationArn("arn:Other")
        other = State(
            users={UserKey("ana"): User(UserName("ANA")), UserKey("bob"): User(UserName("bob"))},
            groups={GroupKey("ops"): Group(GroupName("OPS")), GroupKey("x"): Group(GroupName("x"))},
            members={
                GroupKey("ops"): frozenset({UserKey("bob")}),
                GroupKey("x"): frozenset({UserKey("ana")}),
            },
            applications={
                ARN: Application(ARN, "Wikipedia"),
                other_arn: Application(other_arn, "Other"),
            },
            assignments={ARN: frozenset({OF_OPS}), other_arn: frozenset({ORPHAN})},
        )
        assert STATE.united(other) == State(
            users={UserKey("ana"): ANA, UserKey("bob"): User(UserName("bob"))},
            groups={GroupKey("ops"): OPS, GroupKey("x"): Group(GroupName("x"))},
            members={
                GroupKey("ops"): frozenset({UserKey("ana"), UserKey("bob")}),
                GroupKey("x"): frozenset({UserKey("ana")}),
            },
            applications={
                ARN: Application(ARN, "Wiki"),
                other_arn: Application(other_arn, "Other"),
            },
            assignments={ARN: frozenset({OF_ANA, OF_OPS}), other_arn: frozenset({ORPHAN})},
        )
        assert STATE.united(State()) == State().united(STATE) == STATE

    def test_united_with_twins_it_holds_nothing_of_that_name_and_kind(self) -> None:
        bob, key = User(UserName("bob")), UserKey("bob")
        one = State(users={key: bob, UserKey("ana"): ANA}, groups={GroupKey("bob"): OPS})
        users, groups = Principal(PrincipalKind.USER, "bob"), Principal(PrincipalKind.GROUP, "ops")
        other = State(
            users={UserKey("ops"): bob},
            groups={GroupKey("ops"): OPS},
            twins={users: ("BOB", "Bob"), groups: ("OPS", "Ops")},
        )
        united = State(
            users={UserKey("ana"): ANA, UserKey("ops"): bob},
            groups={GroupKey("bob"): OPS},
            twins=other.twins,
        )
        assert one.united(other) == other.united(one) == united
        three = {users: ("BOB", "Bob", "bOB")}
        assert State(twins=three).united(other).twins == {**other.twins, **three}
