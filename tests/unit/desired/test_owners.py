"""Owners: who answers for something. Named as members are, kept, handed over, explained."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from identity_reconciler.core.state import Group, GroupKey, GroupName, PrincipalKind, State, UserKey
from identity_reconciler.desired.model.schema import manual
from identity_reconciler.desired.reading.explaining import explain
from identity_reconciler.desired.writing.editing import Editor
from identity_reconciler.desired.writing.formatting import formatted
from identity_reconciler.desired.writing.importing import Choice, adopt
from identity_reconciler.desired.writing.inputs import Input
from identity_reconciler.desired.writing.people import Handover, leave
from identity_reconciler.desired.writing.rewrite import Rewrite
from identity_reconciler.errors import InvalidInputError, Position
from tests.unit.desired.test_people import SETTINGS

NOW = datetime(2026, 11, 30, tzinfo=UTC)
TEXT = """\
users:
  - {user_name: ann, state: external}
  - {user_name: bob, state: external}
  - {user_name: cem, state: external}
groups:
  - name: leads
    members: [ann]
  - name: mine
    description: Owned by two
    owners: [ann, {group: leads}]
    members: []
  - name: hers
    owners:
      - ann # since May
    members: []
applications:
  - name: Wiki
    owners: [bob, ann]
"""


@pytest.fixture
def rewrite(tmp_path: Path) -> Rewrite:
    (tmp_path / "instance.yaml").write_text(SETTINGS)
    (tmp_path / "all.yaml").write_text(TEXT)
    return Rewrite(tmp_path)


def edited(rewrite: Rewrite, change: Callable[[Editor], None]) -> tuple[str, list[str]]:
    """Return the file as *change* leaves it, and what is told."""
    editor = Editor(rewrite)
    change(editor)
    editor.finish()
    return rewrite.contents["all.yaml"].decode(), editor.remarks


def leaving(*names: str, successor: str | None = None) -> Callable[[Editor], None]:
    who = [(name, Input(Position(name))) for name in names]
    return lambda editor: leave(editor, who, Handover(successor=successor))


class TestReading:
    """They are named as members and principals are."""

    def test_in_the_order_of_the_file_each_with_its_place(self, rewrite: Rewrite) -> None:
        declared = rewrite.declared()
        _, mine, _ = declared.groups
        assert [(one.kind, one.name, str(one.position)) for one in mine.owners] == [
            (PrincipalKind.USER, "ann", "all.yaml:10:14"),
            (PrincipalKind.GROUP, "leads", "all.yaml:10:19"),
        ]
        assert [str(one) for one in declared.applications[0].owners] == ["user/bob", "user/ann"]

    def test_the_layout_sorts_them_above_the_members(self) -> None:
        text = "groups:\n  - name: g\n    members: []\n    owners: [{group: z}, b, A]\n"
        made = "groups:\n  - name: g\n    owners: [A, b, {group: z}]\n    members: []\n"
        assert formatted(text.encode(), "g.yaml").decode() == made

    def test_the_manual_tells(self) -> None:
        assert "Who answers for the group" in next(manual("groups.owners"))


class TestLeaving:
    """Who leaves answers for nothing, and what is left without an owner is told."""

    def test_what_keeps_another_owner_is_not_told(self, rewrite: Rewrite) -> None:
        text, told = edited(rewrite, leaving("ann"))
        assert "owners: [{group: leads}]" in text
        assert "owners: [bob]" in text
        assert text.count("owners:") == 2
        owners = [one for one in told if "owner" in one]
        assert owners == [
            "group/hers has no owner any more; name one under `owners`, or give --successor"
        ]

    def test_a_successor_takes_over_once(self, rewrite: Rewrite) -> None:
        text, told = edited(rewrite, leaving("ann", successor="bob"))
        assert "owners: [{group: leads}, bob]" in text or "owners: [bob, {group: leads}]" in text
        assert "owners: [bob]" in text
        assert "owners:\n      - bob\n" in text
        assert [one for one in told if "owner" in one] == [
            f"{what}: user/bob answers for it, as an owner from now on"
            for what in ("group/mine", "group/hers", "application/Wiki")
        ]

    def test_two_who_leave_have_one_successor_once(self, rewrite: Rewrite) -> None:
        text, _ = edited(rewrite, leaving("ann", "bob", successor="cem"))
        assert "owners: [cem]" in text

    def test_a_group_that_goes_owns_nothing_and_has_no_owners(self, rewrite: Rewrite) -> None:
        text, _ = edited(rewrite, lambda editor: editor.remove_group("leads", forget=False))
        assert "owners: [ann]" in text
        text, _ = edited(rewrite, lambda editor: editor.remove_group("mine", forget=False))
        assert "{name: mine, state: absent}" in text or "name: mine\n    state: absent" in text
        assert "owners: [ann, " not in text


class TestKept:
    """An import knows of no owners, and keeps them."""

    @pytest.mark.parametrize("is_external", [False, True])
    def test_by_an_import(self, rewrite: Rewrite, *, is_external: bool) -> None:
        declared = rewrite.declared()
        users = {UserKey(one.name): one.user for one in declared.users}
        groups = {GroupKey(one.name): one.group for one in declared.groups}
        changed = Group(GroupName("mine"), "Other", foreign=is_external)
        live = State(users, groups | {GroupKey("mine"): changed})
        adopt(rewrite, declared, live, Choice(NOW, only=frozenset({("group", "mine")})))
        made = rewrite.declared()
        entry = next(one for one in made.groups if one.name == "mine")
        assert [str(one) for one in entry.owners] == ["user/ann", "group/leads"]
        assert (entry.presence == "external") is is_external


class TestExplained:
    """`explain` tells of both sides."""

    @pytest.mark.parametrize(
        ("address", "line"),
        [
            ("user/ann", "  owner of group/hers (all.yaml:14:9)"),
            ("user/ann", "  owner of application/Wiki (all.yaml:18:19)"),
            ("group/leads", "  owner of group/mine (all.yaml:10:19)"),
            ("group/mine", "  group/leads answers for it (all.yaml:10:19)"),
            ("application/Wiki", "  user/bob answers for it (all.yaml:18:14)"),
        ],
    )
    def test_in_a_line(self, rewrite: Rewrite, address: str, line: str) -> None:
        assert line in list(explain(rewrite.declared(), address, NOW))


REVIEWED = TEXT.replace(
    "    owners: [bob, ann]\n",
    "    owners: [bob]\n    review: {every: 1 year, by: [ann]}\n    assignments: {}\n",
).replace(
    "      - ann # since May\n",
    "      - ann\n    review: {every: 3 months, by: [owner, ann]}\n"
    "    reviewed: {day: 2026-02-01, by: ann}\n",
)


class TestReviewers:
    """Who is asked to review is handed over as well; without anybody the owners are asked."""

    @pytest.fixture
    def reviewed(self, tmp_path: Path) -> Rewrite:
        (tmp_path / "instance.yaml").write_text(SETTINGS)
        (tmp_path / "all.yaml").write_text(REVIEWED)
        return Rewrite(tmp_path)

    def test_a_successor_is_asked(self, reviewed: Rewrite) -> None:
        text, told = edited(reviewed, leaving("ann", successor="cem"))
        assert "by: [cem]" in text
        assert "by: [cem, owner]" in text or "by: [owner, cem]" in text
        assert "reviewed: {day: 2026-02-01, by: ann}" in text
        assert "application/Wiki: user/cem reviews it from now on" in told

    def test_without_one_the_owners_are_asked(self, reviewed: Rewrite) -> None:
        with pytest.raises(InvalidInputError) as caught:
            edited(reviewed, leaving("ann"))
        (problem,) = caught.value.problems
        assert str(problem) == (
            "ann: user/ann is the last owner of group/hers, which owners review; "
            "`edit leave --successor` hands it over"
        )

    @pytest.mark.usefixtures("reviewed")
    def test_the_owners_who_are_left(self, tmp_path: Path) -> None:
        text = REVIEWED.replace("      - ann\n    review", "      - ann\n      - bob\n    review")
        (tmp_path / "all.yaml").write_text(text)
        text, told = edited(Rewrite(tmp_path), leaving("ann"))
        assert "review: {every: 1 year}\n" in text
        assert "by: [owner]" in text
        assert "application/Wiki is reviewed by its owners from now on" in told

    @pytest.mark.usefixtures("reviewed")
    def test_a_group_that_goes_is_not_asked(self, tmp_path: Path) -> None:
        text = REVIEWED.replace("by: [ann]", "by: [ann, {group: leads}]")
        (tmp_path / "all.yaml").write_text(text)
        changed = Rewrite(tmp_path)
        text, _ = edited(changed, lambda editor: editor.remove_group("leads", forget=False))
        assert "by: [ann]" in text
