"""A plan as text: what is never cut, what is cut and counted, and what is said first."""

from __future__ import annotations

import re

import pytest

from identity_reconciler.core.plan import Reason
from identity_reconciler.core.state import ApplicationArn, Assignment, Principal, PrincipalKind
from identity_reconciler.render.document import ChangeDocument, PlanDocument, UnresolvedDocument
from identity_reconciler.render.links import lines_of
from identity_reconciler.render.markdown import plan_markdown
from identity_reconciler.render.text import PageFormat, plan_text
from tests.golden.review import pull_request
from tests.golden.samples import PLANS

MANY = 300


def removed(number: int, **more: object) -> ChangeDocument:
    name = f"p{number:03}"
    principal = Principal(PrincipalKind.USER, name)
    return ChangeDocument(
        action="delete",
        kind="assignment",
        address=f"assignment/app-{number}/user/{name}",
        before=Assignment(ApplicationArn(f"arn:{number}"), principal, f"app-{number}", name),
        reason=Reason.UNLISTED,
    ).model_copy(update=more)


def plan_with(**more: object) -> PlanDocument:
    return PLANS["nothing"]().model_copy(update=more)


class TestLongLists:
    """They are cut, and what is left out is counted; what somebody has to see never is."""

    def test_are_cut_and_counted(self) -> None:
        plan = plan_with(changes=tuple(map(removed, range(MANY))))
        text = plan_text(plan)
        shown = len(re.findall(r"^- assignment/", text, flags=re.MULTILINE))
        assert 0 < shown < MANY
        assert f"and {MANY - shown} more changes; show --all" in text

    def test_are_whole_where_that_is_asked_for(self) -> None:
        plan = plan_with(changes=tuple(map(removed, range(MANY))))
        text = plan_text(plan, PageFormat(80, whole=True))
        assert len(re.findall(r"^- assignment/", text, flags=re.MULTILINE)) == MANY
        assert "more" not in text

    @pytest.mark.parametrize(
        ("more", "title"),
        [
            ({"guarded": True}, f"Touches what is guarded ({MANY})"),
            ({"owned_by": "Quick"}, f"Removed from what AWS services own ({MANY})"),
        ],
    )
    def test_of_what_has_to_be_seen_are_whole(self, more: dict[str, object], title: str) -> None:
        plan = plan_with(changes=tuple(removed(number, **more) for number in range(MANY)))
        for text in (plan_text(plan), plan_markdown(plan)):
            assert title in text
            assert all(one.address in text for one in plan.changes)

    def test_of_what_is_unresolved_are_whole(self) -> None:
        found = tuple(UnresolvedDocument(message=f"user p{n} is gone") for n in range(MANY))
        text = plan_text(plan_with(unresolved=found))
        assert all(one.message in text for one in found)


class TestLinks:
    """They take much of what fits into a comment, and give way to a long plan."""

    @pytest.mark.parametrize("count", [200, 201])
    def test_are_left_out(self, count: int) -> None:
        plan = pull_request()
        changes = tuple(removed(number, source=plan.changes[0].source) for number in range(count))
        lines = lines_of({"GITHUB_REPOSITORY": "acme/identities"})
        text = plan_markdown(plan.model_copy(update={"changes": changes}), lines=lines)
        assert ("https://github.com/acme/identities/blob/" in text) is (count == 200)


class TestFirstLines:
    """What limits everything below is said before it."""

    def test_the_sandbox(self) -> None:
        plan = PLANS["mixed"]()
        plan = plan.model_copy(update={"live": plan.live.model_copy(update={"sandbox": True})})
        assert "in the embedded sandbox" in plan_text(plan).splitlines()[0]
        assert "in the embedded sandbox" in plan_markdown(plan).splitlines()[1]
        assert "Read from the embedded sandbox at" in plan_markdown(plan)

    @pytest.mark.parametrize(
        ("more", "said"),
        [
            ({"account_access_note": "only 111122223333 may ask"}, "only 111122223333 may ask"),
            ({"account_access_read": "off"}, "account_access: off"),
        ],
    )
    def test_that_accounts_were_not_read(self, more: dict[str, str], said: str) -> None:
        plan = PLANS["mixed"]().model_copy(update={**more, "access_complete": False})
        text = plan_text(plan, PageFormat(200))
        assert said in text.partition("\n\n")[0]
        assert "told as far as it was read" in text
        assert said in plan_markdown(plan).partition("###")[0]

    def test_nobody_is_said_to_get_nothing_who_may_get_something(self) -> None:
        plan = PLANS["hostile"]()
        assert "gains no access" in plan_text(plan)
        assert "no access" not in plan_text(plan.model_copy(update={"access_complete": False}))

    def test_the_approvals_to_paste_come_before_what_they_are_about(self) -> None:
        for text in (plan_text(PLANS["blocked"]()), plan_markdown(PLANS["blocked"]())):
            pasted = [text.index(f"- guard: {guard}") for guard in ("wipe", "protected")]
            assert max(pasted) < text.index("Moves") < text.index("Removals")
