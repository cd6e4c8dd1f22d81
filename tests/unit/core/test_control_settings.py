"""Every key of `instance.yaml` has a rule, which tells loosening from tightening."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterator
from dataclasses import dataclass, is_dataclass, replace
from fnmatch import fnmatchcase
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from identity_reconciler.core.accounts import AccountReading
from identity_reconciler.core.control import Aspect, Loosening, loosened
from identity_reconciler.core.control.settings import RULES
from identity_reconciler.core.declared import (
    Declared,
    DeclaredGroup,
    DeclaredRepository,
    DeclaredUser,
    Ignore,
    ManageLinks,
    ManageObjects,
    Settings,
)
from identity_reconciler.core.guard_settings import (
    Budgets,
    DeleteBudget,
    ExpectLive,
    GuardSettings,
    MaxMembers,
    MinMembers,
    MinOwners,
    MustExpire,
    PinnedMembers,
    Policies,
    PrivilegedNames,
    ProtectedNames,
    RenameSigns,
    SeparatedDuties,
)
from identity_reconciler.core.ownership import NamePatterns
from identity_reconciler.core.period import Period, PeriodUnit
from identity_reconciler.core.scope import covers
from identity_reconciler.core.state import Group, GroupName, User, UserName
from identity_reconciler.desired.model.instance import SettingsDocument
from identity_reconciler.desired.model.policies import PoliciesDocument
from identity_reconciler.desired.reading.loader import load
from identity_reconciler.errors import Position
from tests.strategies import HERE, INSTANCE


@dataclass(frozen=True)
class Example:
    """Two settings that differ in one field only."""

    tight: Settings
    loose: Settings
    both_ways: bool = False
    """Whether neither is tighter: each way something is given up."""


def guards(tight: GuardSettings, loose: GuardSettings, *, both_ways: bool = False) -> Example:
    return Example(
        Settings(INSTANCE, guards=tight), Settings(INSTANCE, guards=loose), both_ways=both_ways
    )


def managing(**fields: tuple[object, object]) -> Example:
    ((name, (tight, loose)),) = fields.items()
    plain = Settings(INSTANCE)
    return Example(
        replace(plain, **{name: tight}),  # type: ignore[arg-type]
        replace(plain, **{name: loose}),  # type: ignore[arg-type]
    )


def about(**fields: str | None) -> Example:
    """Return settings about another instance, or with other credentials."""
    both = "delegated_administrator" not in fields
    other = replace(INSTANCE, **fields)  # type: ignore[arg-type]
    return Example(Settings(INSTANCE), Settings(other), both_ways=both)


def budget(kind: str, **looser: float) -> Example:
    tight = DeleteBudget(1, 1, 5)
    loose = replace(tight, **looser)  # type: ignore[arg-type]
    return guards(
        GuardSettings(budgets=Budgets(**{kind: tight})),
        GuardSettings(budgets=Budgets(**{kind: loose})),
    )


def owning(**names: tuple[str, ...]) -> Example:
    tight = DeclaredRepository("a", NamePatterns(**dict.fromkeys(names, ("ab",))))
    return managing(repository=(tight, DeclaredRepository("a", NamePatterns(**names))))


def protecting(**names: tuple[str, ...]) -> Example:
    return guards(GuardSettings(protected=ProtectedNames(**names)), GuardSettings())


def privileged(**names: tuple[str, ...]) -> Example:
    return guards(GuardSettings(privileged=PrivilegedNames(**names)), GuardSettings())


def least(tight: MinMembers, loose: MinMembers, *, both_ways: bool = False) -> Example:
    return guards(
        GuardSettings(min_members=(tight,)),
        GuardSettings(min_members=(loose,)),
        both_ways=both_ways,
    )


def pinned(tight: PinnedMembers, loose: PinnedMembers) -> Example:
    return guards(
        GuardSettings(pinned_members=(tight,)),
        GuardSettings(pinned_members=(loose,)),
        both_ways=True,
    )


def policies(tight: Policies, loose: Policies, *, both_ways: bool = False) -> Example:
    return guards(GuardSettings(policies=tight), GuardSettings(policies=loose), both_ways=both_ways)


EXAMPLES: dict[str, Example] = {
    "instance.region": about(region="us-east-1"),
    "instance.account_id": about(account_id="999999999999"),
    "instance.instance_arn": about(instance_arn="arn:aws:sso:::instance/ssoins-other"),
    "instance.identity_store_id": about(identity_store_id="d-other"),
    "instance.delegated_administrator": about(delegated_administrator="999999999999"),
    "manage.users": managing(users=(ManageObjects.AUTHORITATIVE, ManageObjects.REFERENCE)),
    "manage.groups": managing(groups=(ManageObjects.DECLARED, ManageObjects.REFERENCE)),
    "manage.memberships": managing(memberships=(ManageLinks.AUTHORITATIVE, ManageLinks.OFF)),
    "manage.assignments": managing(assignments=(ManageLinks.ADDITIVE, ManageLinks.OFF)),
    "manage.require_email": managing(require_email=(True, False)),
    "manage.rename_users": managing(rename_users=(False, True)),
    "ignore.users": managing(ignore=(Ignore(), Ignore(users=("eve",)))),
    "ignore.groups": managing(ignore=(Ignore(groups=("a*",)), Ignore(groups=("*",)))),
    "ignore.applications": managing(ignore=(Ignore(), Ignore(applications=("Pay*",)))),
    **{
        f"guards.budgets.{one.name}.{field}": budget(one.name, **{field: value})
        for one in dataclasses.fields(Budgets)
        for field, value in (("floor", 2), ("percent", 1.5), ("ceiling", 1_000_000))
    },
    "guards.expect_live.users": guards(
        GuardSettings(expect_live=ExpectLive(users=9)), GuardSettings()
    ),
    "guards.expect_live.groups": guards(
        GuardSettings(expect_live=ExpectLive(groups=9)),
        GuardSettings(expect_live=ExpectLive(groups=8)),
    ),
    "guards.wipe_from": guards(GuardSettings(wipe_from=3), GuardSettings(wipe_from=4)),
    "guards.protected.users": protecting(users=("root",)),
    "guards.protected.groups": protecting(groups=("break-*",)),
    "guards.protected.applications": protecting(applications=("Payroll",)),
    "guards.privileged.groups": privileged(groups=("admins",)),
    "guards.privileged.applications": privileged(applications=("Payroll",)),
    "guards.privileged.permission_sets": privileged(permission_sets=("*Admin*",)),
    "guards.privileged.roles": privileged(roles=("/break-glass/*",)),
    "guards.privileged.accounts": privileged(accounts=("111122223333",)),
    "account_access": managing(account_access=(AccountReading.LIST, AccountReading.OFF)),
    "lock": managing(lock=("directory", "off")),
    "repository.name": Example(
        Settings(INSTANCE, repository=DeclaredRepository("a")),
        Settings(INSTANCE, repository=DeclaredRepository("b")),
        both_ways=True,
    ),
    "repository.owns.users": owning(users=("a*",)),
    "repository.owns.groups": owning(groups=("a*",)),
    "repository.owns.applications": owning(applications=("a*",)),
    "guards.administrators": guards(
        GuardSettings(administrators=("root", "ann")), GuardSettings(administrators=("root",))
    ),
    "guards.min_members[].group": least(MinMembers("a", 2), MinMembers("b", 2), both_ways=True),
    "guards.min_members[].least": least(MinMembers("a", 2), MinMembers("A", 1)),
    "guards.pinned_members[].group": pinned(PinnedMembers("a", ()), PinnedMembers("b", ())),
    "guards.pinned_members[].users": pinned(
        PinnedMembers("a", ("ann", "bob")), PinnedMembers("a", ("ann", "eve"))
    ),
    "separation_of_duties[].groups": policies(
        Policies((SeparatedDuties(("a", "b")),)),
        Policies((SeparatedDuties(("a", "c")),)),
        both_ways=True,
    ),
    "separation_of_duties[].applications": policies(
        Policies((SeparatedDuties(("a",), ("Pay",)),)),
        Policies((SeparatedDuties(("a", "Pay")),)),
        both_ways=True,
    ),
    "max_members[].groups": policies(
        Policies(max_members=(MaxMembers("a*", 2),)), Policies(max_members=(MaxMembers("ab", 2),))
    ),
    "max_members[].most": policies(
        Policies(max_members=(MaxMembers("a*", 2),)), Policies(max_members=(MaxMembers("A*", 3),))
    ),
    "min_owners[].groups": policies(
        Policies(min_owners=(MinOwners(("a*",), (), 2),)),
        Policies(min_owners=(MinOwners(("ab",), (), 2),)),
    ),
    "min_owners[].applications": policies(
        Policies(min_owners=(MinOwners((), ("Pay",), 2),)), Policies()
    ),
    "min_owners[].least": policies(
        Policies(min_owners=(MinOwners(("a",), (), 2),)),
        Policies(min_owners=(MinOwners(("A",), (), 1),)),
    ),
    "max_duration": policies(Policies(max_duration=90), Policies(max_duration=91)),
    "must_expire.groups": policies(
        Policies(must_expire=MustExpire(groups=("a*",))),
        Policies(must_expire=MustExpire(groups=("ab",))),
    ),
    "must_expire.applications": policies(
        Policies(must_expire=MustExpire(applications=("Pay",))), Policies()
    ),
    "must_expire.privileged": policies(
        Policies(must_expire=MustExpire(privileged=True)), Policies()
    ),
    "reason_pattern": policies(
        Policies(reason_pattern="T-[0-9]+"), Policies(reason_pattern=".+"), both_ways=True
    ),
    "no_direct_assignments": policies(Policies(no_direct_assignments=("Pay*",)), Policies()),
    "email_domains": policies(
        Policies(email_domains=("a.org",)), Policies(email_domains=("a.org", "b.org"))
    ),
    "guards.rename.likeness": guards(
        GuardSettings(rename=RenameSigns(likeness=85)),
        GuardSettings(rename=RenameSigns(likeness=100)),
    ),
    "guards.rename.shared": guards(
        GuardSettings(rename=RenameSigns(shared=50)), GuardSettings(rename=RenameSigns(shared=51))
    ),
    "guards.review_grace": guards(
        GuardSettings(review_grace=Period(30, PeriodUnit.DAY)),
        GuardSettings(review_grace=Period(5, PeriodUnit.WEEK)),
    ),
}
WORDS = {
    "instance.region": "is us-east-1, was eu-central-1: it is another instance, and nothing here "
    "manages the former one",
    "instance.delegated_administrator": "is 999999999999: credentials of that account may act on "
    "the instance",
    "manage.users": "is reference, was authoritative: users are only looked up, and none is "
    "managed",
    "manage.groups": "is reference, was declared: groups are only looked up, and none is managed",
    "manage.memberships": "is off, was authoritative: no list of groups is managed",
    "manage.assignments": "is off, was additive: no list of applications is managed",
    "manage.require_email": "is false, was true: users without an e-mail address pass",
    "manage.rename_users": "is true, was false: live users may be renamed",
    "ignore.users": 'has "eve" now: users that it matches are not managed',
    "ignore.groups": 'has "*" now: groups that it matches are not managed',
    "ignore.applications": 'has "Pay*" now: applications that it matches are not managed',
    "guards.budgets.users.floor": "is 2, was 1: more users may be removed at once",
    "guards.budgets.groups.percent": "is 1.5, was 1: more groups may be removed at once",
    "guards.budgets.memberships.floor": "is 2, was 1: more memberships may be removed at once",
    "guards.budgets.assignments.floor": "is 2, was 1: more assignments may be removed at once",
    "guards.budgets.expired.floor": "is 2, was 1: more expired links may be removed at once",
    "guards.budgets.renames.floor": "is 2, was 1: more users and groups may be renamed at once",
    "guards.expect_live.users": "is 0, was 9: a directory with fewer is changed as well",
    "guards.protected.groups": 'no longer has "break-*": what it matches may be deleted and '
    "renamed",
    "guards.privileged.groups": 'no longer has "admins": anybody may get into what it matches',
    "guards.review_grace": "is 5 weeks, was 30 days: what nobody reviews expires later",
    "separation_of_duties[].groups": 'no longer keeps group "a" and group "b" apart: one person '
    "may have both",
    "max_members[].groups": 'no longer has "a*", at most 2: what it matches may grow',
    "max_members[].most": 'says 3 for "a*", was 2: more may be in there',
    "no_direct_assignments": 'no longer has "Pay*": users may be assigned to what it matches by '
    "themselves",
    "min_owners[].least": 'says 1 for groups "a", was 2: fewer may answer for them',
    "max_duration": "is 91, was 90: privileged access may last for longer",
    "must_expire.groups": 'no longer has "a*": access to what it matches may be given without an '
    "end",
    "must_expire.privileged": "is false, was true: privileged access may be given without an end",
    "reason_pattern": 'is ".+", was "T-[0-9]+": other reasons pass',
    "email_domains": 'has "b.org" now: addresses of it pass',
    "guards.min_members[].least": 'says 1 for "a", was 2: it may have fewer members',
}
"""What is said after the key, of each example that reads in its own way."""
FREE = {"instance.name", "separation_of_duties[].reason"}
"""What may be changed without loosening anything."""
FILES = {"shared"}
"""Says which files are read; what they declare is judged as such."""
SECTIONS = {
    "instance",
    "ignore",
    "guards",
    "account_access",
    "lock",
    "repository",
    *PoliciesDocument.model_fields,
}


def fields_of(kind: type, path: str = "") -> Iterator[str]:
    """Yield the path of every field in the dataclass *kind* and those in it, as the YAML has it."""
    types = typing.get_type_hints(kind)
    for one in dataclasses.fields(kind):
        if not one.compare:
            continue
        hint = types[one.name]
        below = f"{path}.{one.name}" if path else one.name
        if not path and one.name not in SECTIONS:
            below = f"manage.{one.name}"
        if below == "guards.policies":
            # They have a file of their own.
            below = ""
        (item, *_) = (*typing.get_args(hint), None)
        if is_dataclass(hint) and isinstance(hint, type):
            yield from fields_of(hint, below)
        elif is_dataclass(item) and isinstance(item, type) and item is not Period:
            yield from fields_of(item, f"{below}[]")
        else:
            yield below


def keys_of(model: type[BaseModel], path: str = "") -> Iterator[str]:
    """Yield the path of every key that *model* knows."""
    for name, field in model.model_fields.items():
        below = f"{path}.{name}" if path else name
        hint = field.annotation
        (item, *_) = (*typing.get_args(hint), None)
        if isinstance(hint, type) and issubclass(hint, BaseModel):
            yield from keys_of(hint, below)
        elif isinstance(item, type) and issubclass(item, BaseModel):
            yield from keys_of(item, f"{below}[]")
        else:
            yield below


def told(base: Settings, now: Settings) -> tuple[Loosening, ...]:
    return loosened(Declared(base), Declared(now))


class TestEveryField:
    """A setting that is added has to say what loosens it before these pass."""

    def test_each_field_has_an_example(self) -> None:
        assert set(fields_of(Settings)) == set(EXAMPLES) | FREE

    def test_each_key_of_the_yaml_has_an_example(self) -> None:
        keys = {*keys_of(SettingsDocument), *keys_of(PoliciesDocument)}
        assert keys - FILES == set(EXAMPLES) | FREE

    def test_each_key_has_a_rule_under_its_path(self) -> None:
        assert set(RULES) == {path.partition("[]")[0] for path in {*EXAMPLES, *FREE}}

    @pytest.mark.parametrize("path", EXAMPLES)
    def test_loosening_is_told(self, path: str) -> None:
        example, key = EXAMPLES[path], path.partition("[]")[0]
        (one,) = told(example.tight, example.loose)
        assert one.text.startswith(f"{key} ")
        aspects = {"guards": Aspect.GUARDED, "ignore": Aspect.IGNORED, "manage": Aspect.MANAGED}
        assert one.aspect is aspects.get(key.partition(".")[0], one.aspect)

    @pytest.mark.parametrize("path", EXAMPLES)
    def test_tightening_is_not(self, path: str) -> None:
        example = EXAMPLES[path]
        assert bool(told(example.loose, example.tight)) is example.both_ways
        for same in (example.tight, example.loose):
            assert told(same, same) == ()

    @pytest.mark.parametrize("path", WORDS)
    def test_in_words(self, path: str) -> None:
        (one,) = told(EXAMPLES[path].tight, EXAMPLES[path].loose)
        assert one.text == f"{path.partition('[]')[0]} {WORDS[path]}"

    def test_another_administrator_is_told_with_the_former_one(self) -> None:
        before, after = (
            about(delegated_administrator="1" * 12),
            about(delegated_administrator="2" * 12),
        )
        (one,) = told(before.loose, after.loose)
        assert " is 222222222222, was 111111111111: credentials" in one.text

    def test_that_nothing_expires_any_more_for_want_of_a_review(self) -> None:
        with_grace = EXAMPLES["guards.review_grace"].loose
        (one,) = told(with_grace, Settings(INSTANCE))
        assert one.text.endswith("was 5 weeks: nothing expires for want of a review")
        assert told(Settings(INSTANCE), with_grace) == ()

    def test_the_name_is_free(self) -> None:
        assert told(Settings(INSTANCE), Settings(replace(INSTANCE, name="other"))) == ()

    @pytest.mark.parametrize("mode", ["users", "groups", "memberships", "assignments"])
    def test_every_mode_against_every_other(self, mode: str) -> None:
        kind = type(getattr(Settings(INSTANCE), mode))
        order = ["authoritative", "declared", "additive", "reference", "off"]
        for before in kind:
            for after in kind:
                base = replace(Settings(INSTANCE), **{mode: before})
                now = replace(Settings(INSTANCE), **{mode: after})
                assert bool(told(base, now)) is (order.index(after) > order.index(before))


PIECES = st.lists(st.sampled_from(["a", "b", "]", "*", "?", "[ab]", "[!a]"]), max_size=4).map(
    "".join
)
NAMES = ["".join(name) for length in range(5) for name in product("ab]c", repeat=length)]


class TestPatterns:
    """A pattern that another one makes needless may go."""

    NARROW = GuardSettings(protected=ProtectedNames(groups=("break-glass", "ops-*")))

    @pytest.mark.parametrize(
        ("now", "lost"),
        [
            (("BREAK-GLASS", "ops-*"), 0),
            (("*",), 0),
            (("break-*", "ops*"), 0),
            (("break-glas?", "ops-*"), 0),
            (("brake-glass", "ops-*"), 1),
            (("break-glass", "ops-?"), 1),
            (("break-glass", "ops-a", "ops-b"), 1),
            ((), 2),
        ],
    )
    def test_is_not_missed(self, now: tuple[str, ...], lost: int) -> None:
        after = GuardSettings(protected=ProtectedNames(groups=now))
        found = told(Settings(INSTANCE, guards=self.NARROW), Settings(INSTANCE, guards=after))
        assert len(found) == lost

    @given(wide=PIECES, narrow=PIECES)
    @settings(max_examples=500)
    def test_what_covers_matches_all_that_is_covered(self, wide: str, narrow: str) -> None:
        if covers((wide,), narrow):
            for name in NAMES:
                assert fnmatchcase(name, wide) or not fnmatchcase(name, narrow)

    def test_a_set_is_no_text(self) -> None:
        assert fnmatchcase("[ab]", "*b]")
        assert not covers(("*b]",), "[ab]")


class TestRenames:
    """Whose members are counted is the same under a new name, and nobody else is."""

    BASE = GuardSettings(
        min_members=(MinMembers("OLD", 2),), pinned_members=(PinnedMembers("Old", ("Ann", "bob")),)
    )

    def declared(self, settings: GuardSettings, *names: str) -> Declared:
        group = DeclaredGroup(Group(GroupName("new")), HERE, previous_names=names)
        user = DeclaredUser(User(UserName("anna")), HERE, previous_names=("ANN",))
        return Declared(Settings(INSTANCE, guards=settings), (user,), (group,))

    def test_is_the_same(self) -> None:
        now = GuardSettings(
            min_members=(MinMembers("new", 2),),
            pinned_members=(PinnedMembers("NEW", ("bob", "Anna")),),
        )
        base = Declared(Settings(INSTANCE, guards=self.BASE))
        assert loosened(base, self.declared(now, "Old")) == ()
        assert len(loosened(base, self.declared(now, "other"))) == 2

    def test_who_is_pinned_otherwise_is_named(self) -> None:
        now = replace(self.BASE, pinned_members=(PinnedMembers("old", ("bob", "eve")),))
        (one,) = told(Settings(INSTANCE, guards=self.BASE), Settings(INSTANCE, guards=now))
        assert one.text == (
            'guards.pinned_members says otherwise for "Old": it may have eve, and need not have ann'
        )

    @pytest.mark.parametrize(
        ("users", "said"),
        [
            (("bob",), "it need not have ann"),
            (
                ("ann", "bob", "zoe", "Eve", "kim", "dan", "pia"),
                "it may have dan, eve, kim, pia, zoe",
            ),
        ],
    )
    def test_who_is_pinned_is_told_one_way(self, users: tuple[str, ...], said: str) -> None:
        now = replace(self.BASE, pinned_members=(PinnedMembers("OLD", users),))
        (one,) = told(Settings(INSTANCE, guards=self.BASE), Settings(INSTANCE, guards=now))
        assert one.text == f'guards.pinned_members says otherwise for "Old": {said}'


class TestSeveralEntries:
    """A group may be named more than once: the largest number holds, and every list does."""

    def test_the_largest_number_holds(self) -> None:
        base = GuardSettings(min_members=(MinMembers("a", 3),))
        now = GuardSettings(min_members=(MinMembers("A", 2), MinMembers("b", 9)))
        settings = Settings(INSTANCE, guards=base)
        (one,) = told(settings, Settings(INSTANCE, guards=now))
        assert one.text.startswith('guards.min_members says 2 for "a", was 3: ')
        enough = replace(now, min_members=(*now.min_members, MinMembers("a", 3)))
        assert told(settings, Settings(INSTANCE, guards=enough)) == ()

    def test_each_is_compared(self) -> None:
        base = GuardSettings(
            min_members=(MinMembers("a", 1), MinMembers("b", 1)),
            pinned_members=(PinnedMembers("a", ()), PinnedMembers("b", ())),
        )
        now = GuardSettings(
            min_members=base.min_members[:1],
            pinned_members=(PinnedMembers("a", ("x",)), *base.pinned_members[:1]),
        )
        found = told(Settings(INSTANCE, guards=base), Settings(INSTANCE, guards=now))
        assert [one.text.partition(":")[0] for one in found] == [
            'guards.min_members no longer has "b", which needed 1',
            'guards.pinned_members no longer has "b"',
        ]


TIGHT = """\
manage:
  users: authoritative
guards:
  wipe_from: 2
  protected:
    groups:
      - break-glass
      - kept
      - ops
  min_members:
    - {group: a, least: 3}
    - {group: b, least: 3}
  pinned_members:
    - {group: a, users: [ann]}
    - {group: c, users: [ann]}
    - {group: b, users: [ann]}
"""
LOOSE = """\
guards:
  protected:
    groups:
      - kept
      - dev
  min_members:
    - {group: c, least: 1}
    - {group: b, least: 2}
  pinned_members:
    - {group: a, users: [ann]}
    - {group: b, users: [eve]}
ignore:
  users:
    - nobody
    - eve
"""


class TestPlaces:
    """Each line leads to where the key stands, or to where it stood in the base."""

    def test_of_each(self, tmp_path: Path) -> None:
        instance = (Path(__file__).parents[2] / "invalid/instance.yaml").read_text("utf-8")
        above = instance.count("\n")
        for name, text in (("base", TIGHT), ("now", LOOSE)):
            (tmp_path / name).mkdir()
            (tmp_path / name / "instance.yaml").write_text(instance + text, "utf-8")
        base, now = load(tmp_path / "base"), load(tmp_path / "now")
        found = {
            one.text.split(":")[0]: (one.position.line - above, one.at_base)
            for one in loosened(base, now)
        }
        assert found == {
            'guards.protected.groups no longer has "break-glass"': (7, True),
            'guards.protected.groups no longer has "ops"': (9, True),
            'guards.min_members no longer has "a", which needed 3': (11, True),
            'guards.min_members says 2 for "b", was 3': (8, False),
            'guards.pinned_members no longer has "c"': (15, True),
            'guards.pinned_members says otherwise for "b"': (11, False),
            "guards.wipe_from is 3, was 2": (4, True),
            'ignore.users has "nobody" now': (14, False),
            'ignore.users has "eve" now': (15, False),
            "manage.users is declared, was authoritative": (2, True),
        }

    def test_without_any(self) -> None:
        example = EXAMPLES["guards.wipe_from"]
        (one,) = told(example.tight, example.loose)
        assert (one.position, one.at_base) == (Position("instance.yaml", 1, 1), False)
