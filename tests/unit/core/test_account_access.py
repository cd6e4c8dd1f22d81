"""Access to AWS accounts: single cases that a random world seldom meets."""

from __future__ import annotations

from dataclasses import replace

import pytest

from identity_reconciler.core.access import Effect, Impact
from identity_reconciler.core.access_facts import Known
from identity_reconciler.core.account_access import (
    AccountFacts,
    account_changes,
    is_known,
    memberships_to_read,
    principals_to_ask,
)
from identity_reconciler.core.accounts import (
    AccountGap,
    AccountReading,
    AccountRole,
    AccountRoleKind,
    GapReason,
)
from identity_reconciler.core.plan import Change, Create, Delete, Plan, Rename, Update
from identity_reconciler.core.state import (
    ApplicationArn,
    Assignment,
    Email,
    Group,
    GroupKey,
    GroupName,
    Membership,
    Principal,
    PrincipalKind,
    State,
    User,
    UserKey,
    UserName,
    group_key,
    user_key,
)

ANA, BOB, CARLA = (
    User(UserName(name), email=Email(f"{name}@example.com")) for name in ("Ana", "bob", "carla")
)
DATA, OPS = (Group(GroupName(name)) for name in ("Data", "ops"))
OF_ANA, OF_BOB, OF_CARLA = (Principal(PrincipalKind.USER, n) for n in ("ana", "bob", "carla"))
OF_DATA, OF_OPS = (Principal(PrincipalKind.GROUP, name) for name in ("data", "ops"))
SET, ROLE = AccountRoleKind.PERMISSION_SET, AccountRoleKind.ROLE
ADMIN = AccountRole("111122223333", "prod", SET, "Admin", "arn:admin")
READ = AccountRole("111122223333", "prod", SET, "Read", "arn:read")
ROOT = AccountRole("222233334444", "", ROLE, "break-glass/Root", "arn:root")

LIVE = State(
    users={user_key(one.user_name): one for one in (ANA, BOB, CARLA)},
    groups={group_key(one.name): one for one in (DATA, OPS)},
    members={GroupKey("data"): frozenset({UserKey("ana"), UserKey("bob")})},
    account_access={OF_DATA: frozenset({ADMIN})},
    accounts_through_groups=True,
)
ROBERT = Rename(BOB, replace(BOB, user_name=UserName("Robert")))


def joins(group: str, user: str) -> Create:
    return Create(Membership(GroupName(group), UserName(user)))


def leaves(group: str, user: str) -> Delete:
    return Delete(Membership(GroupName(group), UserName(user)))


def impact(*changes: Change, live: State = LIVE) -> Impact:
    return Impact.of(Plan(changes), live)


def told(*changes: Change, live: State = LIVE) -> list[str]:
    return [
        f"{one.user} {one.effect} {one.role} {', '.join(map(str, one.paths))}"
        for one in account_changes(impact(*changes, live=live))
    ]


def having(**access: AccountRole) -> State:
    """Return the state in which the users named have one role each, beside that of Data."""
    own = {Principal(PrincipalKind.USER, key): frozenset({one}) for key, one in access.items()}
    return replace(LIVE, account_access={**LIVE.account_access, **own})


class TestChanges:
    """Who loses and gains what, losses first, in an order that does not depend on chance."""

    def test_joining_and_leaving(self) -> None:
        assert told(joins("Data", "carla"), leaves("Data", "Ana")) == [
            "Ana loses Admin in prod (111122223333) through Data",
            "carla gains Admin in prod (111122223333) through Data",
        ]

    def test_the_order_is_by_effect_person_account_and_access(self) -> None:
        live = replace(LIVE, account_access={OF_DATA: frozenset({ROOT, READ, ADMIN})})
        changes = account_changes(
            impact(joins("Data", "carla"), leaves("Data", "Ana"), leaves("Data", "bob"), live=live)
        )
        shown = [(one.effect, one.user, one.role.account, one.role.access) for one in changes]
        prod, other = "111122223333", "222233334444"
        root = "role/break-glass/Root"
        assert shown == [
            (effect, user, account, access)
            for effect, user in (
                (Effect.LOST, "Ana"),
                (Effect.LOST, "bob"),
                (Effect.GAINED, "carla"),
            )
            for account, access in ((prod, "Admin"), (prod, "Read"), (other, root))
        ]
        assert changes[0].key == ("0", "ana", prod, "Admin", "arn:admin")
        assert changes[-1].key == ("1", "carla", other, root, "arn:root")

    def test_permission_sets_of_one_name_are_in_the_order_of_their_arns(self) -> None:
        twins = [replace(ADMIN, arn=f"arn:{n}") for n in range(9)]
        live = replace(LIVE, account_access={OF_DATA: frozenset(twins)})
        changes = account_changes(impact(leaves("Data", "Ana"), live=live))
        assert [one.role.arn for one in changes] == [one.arn for one in twins]

    def test_who_has_it_anyway_gains_and_loses_nothing(self) -> None:
        live = having(ana=ADMIN, carla=ADMIN)
        assert told(leaves("Data", "Ana"), joins("Data", "carla"), live=live) == []

    def test_a_leaver_is_called_as_before_and_others_as_after(self) -> None:
        live = having(carla=READ)
        gone = Delete(CARLA)
        assert told(gone, live=live) == ["carla loses Read in prod (111122223333) directly"]
        assert told(ROBERT, leaves("Data", "bob")) == [
            "Robert loses Admin in prod (111122223333) through Data"
        ]

    def test_who_takes_an_old_name_over_is_another_person(self) -> None:
        """Bob becomes Robert and keeps it; the new bob has nothing."""
        anew = Create(User(UserName("bob")))
        assert told(ROBERT, anew) == []
        assert told(ROBERT, anew, leaves("Data", "bob"), joins("Data", "bob")) == [
            "Robert loses Admin in prod (111122223333) through Data",
            "bob gains Admin in prod (111122223333) through Data",
        ]

    def test_what_a_deleted_principal_left_behind_is_nobodys(self) -> None:
        orphan = replace(OF_CARLA, orphan=True)
        live = replace(LIVE, account_access={orphan: frozenset({ADMIN})})
        assert told(joins("Data", "carla"), live=live) == []
        assert told(Delete(CARLA), live=live) == []

    def test_a_member_who_was_not_read_is_not_told_of(self) -> None:
        live = replace(LIVE, users={UserKey("ana"): ANA})
        assert told(leaves("Data", "bob"), live=live) == []

    def test_paths_are_in_order(self) -> None:
        names = [f"g{n:02}" for n in range(12)]
        live = replace(
            LIVE,
            groups={group_key(name): Group(GroupName(name)) for name in names},
            members={},
            account_access={
                Principal(PrincipalKind.GROUP, name): frozenset({ADMIN}) for name in names[::-1]
            },
        )
        (change,) = account_changes(impact(*(joins(name, "carla") for name in names), live=live))
        assert [str(path) for path in change.paths] == [f"through {name}" for name in names]

    def test_somebody_whose_groups_stay_as_they_are_is_not_looked_at(self) -> None:
        assert told(Update(ANA, replace(ANA, title="Boss"))) == []
        assert told(Rename(DATA, Group(GroupName("science")))) == []


def asks(*changes: Change, asked: frozenset[Principal] = frozenset()) -> list[str]:
    return [one.name for one in principals_to_ask(impact(*changes), asked)]


class TestWhomToAsk:
    """Each principal that the plan touches, once; then those at stake."""

    @pytest.mark.parametrize(
        ("change", "names"),
        [
            (joins("Data", "carla"), ["data"]),
            (joins("DATA", "carla"), ["data"]),
            (leaves("Data", "Ana"), ["data"]),
            (Create(User(UserName("zoe"))), []),
            (Create(Group(GroupName("zoo"))), []),
            (Delete(CARLA), ["carla"]),
            (Delete(User(UserName("CARLA"))), ["carla"]),
            (Delete(OPS), ["ops"]),
            (Delete(Group(GroupName("OPS"))), ["ops"]),
            (ROBERT, ["bob"]),
            (Rename(OPS, Group(GroupName("SRE"))), ["ops"]),
            (Update(OPS, replace(OPS, description="x")), []),
            (Update(ANA, replace(ANA, title="Boss")), []),
            (Update(ANA, replace(ANA, email=Email("a@example.com"))), ["ana"]),
            (Create(Assignment(ApplicationArn("arn:x"), OF_OPS)), []),
        ],
        ids=str,
    )
    def test_the_touched(self, change: Change, names: list[str]) -> None:
        assert asks(change) == names

    def test_the_groups_of_leavers(self) -> None:
        assert asks(Delete(ANA)) == ["data", "ana"]

    def test_a_group_is_asked_about_by_its_name_of_before(self) -> None:
        renamed = Rename(OPS, Group(GroupName("SRE")))
        assert asks(renamed, joins("SRE", "carla")) == ["ops"]

    def test_a_name_that_is_handed_on_is_asked_about_as_both(self) -> None:
        """Data becomes Science, and another group Data: by either name somebody may be meant."""
        science, data = Rename(DATA, Group(GroupName("Science"))), Rename(OPS, DATA)
        assert asks(science, data, joins("Data", "carla")) == ["data", "ops"]

    @pytest.mark.parametrize("address", ["bob@example.com", "BOB@example.com"])
    def test_who_had_an_address_that_somebody_gets(self, address: str) -> None:
        zoe = User(UserName("zoe"), email=Email(address))
        assert asks(Create(zoe)) == ["bob"]
        assert asks(Update(CARLA, replace(CARLA, email=Email(address)))) == ["bob", "carla"]

    def test_addresses_are_compared_letter_case_blind(self) -> None:
        shouting = replace(BOB, email=Email("BOB@example.com"))
        live = replace(LIVE, users={**LIVE.users, UserKey("bob"): shouting})
        zoe = Create(User(UserName("zoe"), email=Email("bob@example.com")))
        assert principals_to_ask(impact(zoe, live=live), frozenset()) == (OF_BOB,)

    def test_who_had_the_address_that_somebody_renamed_gets(self) -> None:
        both = Rename(BOB, replace(BOB, user_name=UserName("Robert"), email=CARLA.email))
        assert asks(both) == ["bob", "carla"]

    def test_nobody_is_asked_about_without_an_address(self) -> None:
        live = replace(LIVE, users={**LIVE.users, UserKey("dan"): User(UserName("dan"))})
        found = principals_to_ask(impact(Create(User(UserName("zoe"))), live=live), frozenset())
        assert found == ()

    def test_then_those_at_stake_who_are_live(self) -> None:
        asked = frozenset({OF_DATA})
        changes = (joins("Data", "carla"), leaves("Data", "bob"), leaves("Data", "Ana"))
        assert asks(*changes, asked=asked) == ["ana", "bob", "carla"]
        assert asks(*changes, asked=asked | {OF_BOB}) == ["ana", "carla"]
        newcomer = (Create(User(UserName("zoe"))), joins("Data", "zoe"))
        assert asks(*newcomer, asked=asked) == []

    def test_who_is_renamed_is_asked_about_by_the_name_of_before(self) -> None:
        asked = frozenset({OF_DATA, OF_BOB})
        assert asks(ROBERT, leaves("Data", "bob"), asked=asked) == []
        assert asks(ROBERT, leaves("Data", "bob"), asked=frozenset({OF_DATA})) == ["bob"]

    def test_they_are_sorted(self) -> None:
        users = {user_key(f"u{n:02}"): User(UserName(f"u{n:02}")) for n in range(20)}
        live = replace(LIVE, users=users)
        found = impact(*(joins("Data", name) for name in reversed(users)), live=live)
        asked = principals_to_ask(found, frozenset({OF_DATA}))
        assert [one.name for one in asked] == list(users)
        gone = impact(*(Delete(one) for one in reversed(users.values())), live=live)
        named = principals_to_ask(gone, frozenset({OF_DATA}))
        assert [one.name for one in named] == list(users)


ASKED = AccountFacts(AccountReading.PRINCIPAL, frozenset({OF_DATA, OF_CARLA}))
LISTED = AccountFacts(AccountReading.LIST)
JOINS = joins("Data", "carla")


class TestKnown:
    """What is told is called complete only where no path of those named is unknown."""

    def test_a_group_s_answers_tell_where_aws_lists_them(self) -> None:
        assert is_known(impact(JOINS), ASKED)
        unasked = replace(ASKED, asked=frozenset({OF_DATA}))
        assert not is_known(impact(JOINS), unasked)

    def test_however_somebody_is_spelled(self) -> None:
        assert not is_known(impact(leaves("Data", "Ana")), ASKED)

    def test_not_where_credentials_may_not_ask(self) -> None:
        denied = frozenset({AccountGap(GapReason.DENIED, "x")})
        none = frozenset({AccountGap(GapReason.NOT_APPLICABLE)})
        assert not is_known(impact(JOINS, live=replace(LIVE, account_gaps=denied)), ASKED)
        assert is_known(impact(JOINS, live=replace(LIVE, account_gaps=none)), ASKED)
        assert not is_known(impact(live=replace(LIVE, account_gaps=denied)), ASKED)

    def test_a_newcomer_has_no_other_way(self) -> None:
        newcomer = (Create(User(UserName("zoe"))), joins("Data", "zoe"))
        assert is_known(impact(*newcomer), replace(ASKED, asked=frozenset({OF_DATA})))

    def test_of_account_access_manager_nothing_is_told_through_groups(self) -> None:
        """So all groups of the user have to be known, and asked about."""
        live = replace(LIVE, account_access={OF_DATA: frozenset({ROOT})})
        found = impact(JOINS, live=live)
        assert not is_known(found, ASKED)
        every = replace(ASKED, known=Known(principals=frozenset({OF_CARLA})))
        assert is_known(found, every)

    @pytest.mark.parametrize("asked", [{OF_OPS}, set[Principal]()])
    def test_where_nothing_is_told_through_groups_each_is_asked_about(
        self, asked: set[Principal]
    ) -> None:
        members = {**LIVE.members, GroupKey("ops"): frozenset({UserKey("carla")})}
        live = replace(LIVE, members=members, accounts_through_groups=False)
        known = Known(principals=frozenset({OF_CARLA}))
        facts = AccountFacts(AccountReading.PRINCIPAL, ASKED.asked | asked, known)
        assert is_known(impact(JOINS, live=live), facts) is bool(asked)
        # A group that somebody else is in is no way of carla's.
        others = replace(live, members={**members, GroupKey("far"): frozenset({UserKey("ana")})})
        assert is_known(impact(JOINS, live=others), facts) is bool(asked)

    def test_lists_need_the_members_of_those_groups_that_have_it(self) -> None:
        """Here ops has it too, so whether carla is in ops has to be known."""
        both = {OF_DATA: frozenset({ADMIN}), OF_OPS: frozenset({ADMIN})}
        live = replace(LIVE, account_access=both)
        found = impact(JOINS, live=live)
        assert not is_known(found, LISTED)
        half = replace(LISTED, known=Known(members_of=frozenset({GroupKey("data")})))
        assert not is_known(found, half)
        whole = frozenset({GroupKey("data"), GroupKey("ops")})
        assert is_known(found, replace(LISTED, known=Known(members_of=whole)))
        assert is_known(found, replace(LISTED, known=Known(principals=frozenset({OF_CARLA}))))
        without = replace(live, groups={GroupKey("data"): DATA})
        assert is_known(impact(JOINS, live=without), half)


class TestMembershipsToRead:
    """Of whom it has to be read which groups he is in."""

    def test_those_at_stake_where_members_are_not_known(self) -> None:
        newcomer = (Create(User(UserName("zoe"))), joins("Data", "zoe"))
        found = impact(JOINS, leaves("Data", "Ana"), *newcomer)
        assert memberships_to_read(found, LISTED) == (OF_ANA, OF_CARLA)
        some = replace(LISTED, known=Known(principals=frozenset({OF_ANA})))
        assert memberships_to_read(found, some) == (OF_CARLA,)
        all_of_it = replace(LISTED, known=Known(members_of=frozenset({GroupKey("data")})))
        assert memberships_to_read(found, all_of_it) == ()

    def test_one_group_of_unknown_members_is_enough(self) -> None:
        both = {OF_DATA: frozenset({ADMIN}), OF_OPS: frozenset({ADMIN})}
        found = impact(JOINS, live=replace(LIVE, account_access=both))
        half = replace(LISTED, known=Known(members_of=frozenset({GroupKey("data")})))
        assert memberships_to_read(found, half) == (OF_CARLA,)

    def test_they_are_sorted(self) -> None:
        users = {user_key(f"u{n:02}"): User(UserName(f"u{n:02}")) for n in range(20)}
        live = replace(LIVE, users=users)
        found = impact(*(joins("Data", name) for name in reversed(users)), live=live)
        assert [one.name for one in memberships_to_read(found, LISTED)] == list(users)
