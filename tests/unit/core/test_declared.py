"""How an application is selected, and what a declaration says by default."""

from __future__ import annotations

from dataclasses import replace

import pytest

from identity_reconciler.core.declared import (
    ApplicationSelector,
    Declared,
    DeclaredApplication,
    DeclaredGroup,
    DeclaredUser,
    ManageLinks,
    ManageObjects,
    Presence,
    Settings,
)
from identity_reconciler.core.guard_settings import ExpectLive, GuardSettings, RenameSigns
from identity_reconciler.core.state import (
    Application,
    ApplicationArn,
    Group,
    GroupName,
    User,
    UserName,
)
from tests.strategies import HERE, INSTANCE

WIKI = Application(ApplicationArn("arn:wiki"), "Wiki", "arn:provider", "111122223333")
WHOLE = ApplicationSelector("Wiki", WIKI.arn, "arn:provider", "111122223333")


class TestSelector:
    """An application is selected when every part that is given fits exactly."""

    @pytest.mark.parametrize("part", ["name", "arn", "provider", "account"])
    def test_every_part_counts_when_it_is_given(self, part: str) -> None:
        other = {part: "other"}
        unsaid = {part: None}
        assert WHOLE.matches(WIKI)
        assert not replace(WHOLE, **other).matches(WIKI)  # type: ignore[arg-type]
        assert replace(WHOLE, **unsaid).matches(WIKI)
        assert not WHOLE.matches(replace(WIKI, **other))  # type: ignore[arg-type]

    def test_names_match_exactly(self) -> None:
        assert not ApplicationSelector("wiki").matches(WIKI)

    def test_in_words(self) -> None:
        assert str(WHOLE) == "Wiki, arn arn:wiki, provider arn:provider, account 111122223333"
        assert str(ApplicationSelector(arn=WIKI.arn)) == "arn arn:wiki"
        assert str(ApplicationSelector("Wiki", account="1")) == "Wiki, account 1"


class TestDefaults:
    """What is not said is managed with care: nothing undeclared goes, users are not renamed."""

    def test_of_the_settings(self) -> None:
        settings = Settings(INSTANCE)
        assert settings.users is settings.groups is ManageObjects.DECLARED
        assert settings.memberships is settings.assignments is ManageLinks.AUTHORITATIVE
        assert (settings.rename_users, settings.require_email) == (False, True)

    def test_of_a_declaration(self) -> None:
        empty = Declared(Settings(INSTANCE))
        assert (empty.users, empty.groups, empty.applications, empty.approvals) == ((),) * 4
        assert (empty.files, empty.digest) == ((), "")

    def test_of_an_application(self) -> None:
        entry = DeclaredApplication(WHOLE, HERE)
        assert (entry.users, entry.groups, entry.managed) == ((), (), True)

    def test_of_the_guards(self) -> None:
        guards = GuardSettings()
        assert guards == Settings(INSTANCE).guards
        assert guards.rename == RenameSigns(likeness=85, shared=50)
        assert (guards.wipe_from, guards.expect_live) == (3, ExpectLive(users=0, groups=0))

    def test_of_an_entry(self) -> None:
        user = DeclaredUser(User(UserName("Ana")), HERE)
        group = DeclaredGroup(Group(GroupName("Ops")), HERE)
        assert user.presence is group.presence is Presence.PRESENT
        assert (user.kind, user.name, group.kind, group.name) == ("user", "Ana", "group", "Ops")
        assert (user.previous_names, group.previous_names, group.members) == ((), (), None)
