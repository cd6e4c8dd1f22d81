"""Looking again after an apply, while lists show what was written some time later."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from identity_reconciler.core.plan import Create, Plan
from identity_reconciler.core.state import Group, GroupName
from identity_reconciler.errors import IncompleteReadError, StalePlanError
from identity_reconciler.runs.verification import LOOKS, PAUSE, look_again

NOTHING, LEFT = Plan(), Plan((Create(Group(GroupName("a"))),))
KEYS = {("group", "a")}


def looking(*answers: Plan | Exception) -> tuple[Callable[[], Plan], list[float]]:
    """Return what looks, with one of *answers* after the other, and how long is slept."""
    left = list(answers)

    def look() -> Plan:
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return look, []


class TestLookAgain:
    """What does not show yet, or does not fit together yet, is looked at again, for a while."""

    @pytest.mark.parametrize(
        ("answers", "looks"),
        [
            ([NOTHING], 1),
            ([LEFT, NOTHING], 2),
            ([StalePlanError("both names are live"), NOTHING], 2),
            ([LEFT, StalePlanError("one of two lists"), LEFT], 3),
        ],
    )
    def test_looks_until_all_shows(self, answers: list[Plan | Exception], looks: int) -> None:
        look, slept = looking(*answers)
        assert look_again(look, KEYS, slept.append) == answers[-1]
        assert slept == [PAUSE] * (looks - 1)

    def test_what_was_not_applied_need_not_show(self) -> None:
        look, slept = looking(LEFT)
        assert look_again(look, set(), slept.append) == LEFT
        assert slept == []

    def test_what_does_not_fit_in_the_end_is_told(self) -> None:
        look, slept = looking(*[StalePlanError("changed")] * LOOKS)
        with pytest.raises(StalePlanError):
            look_again(look, KEYS, slept.append)
        assert len(slept) == LOOKS - 1

    def test_a_read_that_fails_ends_it(self) -> None:
        look, slept = looking(IncompleteReadError("no answer"))
        with pytest.raises(IncompleteReadError):
            look_again(look, KEYS, slept.append)
        assert slept == []
