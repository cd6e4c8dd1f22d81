"""The lease as a record: who may apply, what counts as applied, what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from identity_reconciler.core.lease import (
    LONGEST_RECORD,
    MARGIN,
    PERIOD,
    Generation,
    Holder,
    Lease,
    LeaseUnreadableError,
    ended,
    is_lease,
    lease_in,
    lease_text,
    renewed,
    require_forward,
    require_unmoved,
    settled,
    taken,
)
from identity_reconciler.errors import LockHeldError, StalePlanError

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
OLD, NEW = "a" * 40, "b" * 40
PLAN = f"sha256:{'c' * 64}"
FIRST = Holder("t1", "GitHub run 7, attempt 1", NOW, NOW + PERIOD, NEW, PLAN)
LATER = replace(FIRST, nonce="t2", since=NOW + PERIOD + MARGIN, until=NOW + 2 * PERIOD)
FREE = Lease(Generation(3, OLD))
HELD = taken(FREE, FIRST)


class TestText:
    """The record fits into a description, comes back as it was, and nothing else passes for it."""

    @pytest.mark.parametrize("lease", [Lease(), FREE, HELD, ended(HELD, wrote=True, done=False)])
    def test_comes_back(self, lease: Lease) -> None:
        assert lease_in(lease_text(lease)) == lease

    def test_fits(self) -> None:
        longest = replace(FIRST, owner="\N{SNOWMAN}\x1b" * 999, commit=f"{'a' * 64}-dirty")
        text = lease_text(Lease(Generation(10**9, f"{'b' * 64}-dirty", PLAN), longest))
        assert len(text) <= LONGEST_RECORD
        assert text.isascii()
        assert text.isprintable()
        assert lease_in(text).holder is not None

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "Everyone on call",
            "{}",
            "[]",
            "[" * 900,
            "7",
            lease_text(FREE).replace("lease 1", "lease 2"),
            lease_text(FREE).replace(":3,", ":-3,"),
            lease_text(FREE).replace(":3,", ":true,"),
            lease_text(HELD).replace("2026-03-01T09:00:00Z", "yesterday"),
            lease_text(HELD).replace('"t1"', "1"),
            json.dumps({**json.loads(lease_text(FREE)), "holder": 7}),
        ],
    )
    def test_nothing_else_passes(self, text: str) -> None:
        with pytest.raises(LeaseUnreadableError):
            lease_in(text)

    def test_its_group_is_known_in_any_case(self) -> None:
        assert is_lease("Identity-Reconciler-LEASE")
        assert not is_lease("identity-reconciler-leases")


class TestTurns:
    """One holder at a time, until it gives the lease back or its time is over for everybody."""

    def test_a_free_one_is_taken(self) -> None:
        assert Lease(Generation(3, OLD), FIRST) == HELD

    def test_a_held_one_is_not_and_says_who(self) -> None:
        almost = FIRST.until + MARGIN - timedelta(seconds=1)
        with pytest.raises(LockHeldError, match=r"GitHub run 7.* since 2026-03-01T09:00:00Z") as no:
            taken(HELD, replace(LATER, since=almost))
        assert "2026-03-01T09:16:00Z" in str(no.value)

    def test_over_is_over_and_may_have_written(self) -> None:
        assert taken(HELD, LATER) == Lease(Generation(4, NEW, PLAN), LATER)
        assert settled(HELD, LATER.since) == Lease(Generation(4, NEW, PLAN))
        assert settled(HELD, NOW) == HELD

    def test_renewed_in_time_nothing_moves(self) -> None:
        again = renewed(HELD, NOW + PERIOD / 3)
        assert again.generation == HELD.generation
        assert again.holder == replace(FIRST, until=NOW + PERIOD / 3 + PERIOD)

    def test_renewed_late_nobody_may_rely_on_what_was_seen_meanwhile(self) -> None:
        """A plan that was read when it was over counted it as ended, and there is more to come."""
        seen = settled(HELD, LATER.since).generation
        late = ended(renewed(HELD, LATER.since), wrote=True, done=True).generation
        assert late.number > seen.number


class TestGenerations:
    """What was applied last moves when something may have been written, or with the commit."""

    @pytest.mark.parametrize(
        ("commit", "wrote", "done", "moved"),
        [
            (NEW, True, True, True),
            (NEW, True, False, True),
            (OLD, True, False, True),
            (NEW, False, True, True),
            (OLD, False, True, False),
            (NEW, False, False, False),
        ],
    )
    def test_moves(self, commit: str, *, wrote: bool, done: bool, moved: bool) -> None:
        held = Lease(FREE.generation, replace(FIRST, commit=commit))
        after = ended(held, wrote=wrote, done=done)
        assert after.holder is None
        assert after.generation == (Generation(4, commit, PLAN) if moved else FREE.generation)


class TestSavedPlans:
    """A saved plan holds until something else than it was applied."""

    def test_as_long_as_nothing_moved(self) -> None:
        require_unmoved(3, PLAN, Generation(3, OLD, "sha256:other"))

    def test_again_after_itself(self) -> None:
        require_unmoved(3, PLAN, Generation(5, NEW, PLAN))

    def test_not_after_another(self) -> None:
        with pytest.raises(StalePlanError, match=rf"generation 3.*{NEW}.*generation 4"):
            require_unmoved(3, PLAN, Generation(4, NEW, None))


class TestForward:
    """No commit follows one that it does not descend from, unless it is named."""

    @staticmethod
    def never(_older: str, _newer: str) -> bool:
        raise AssertionError("asked Git")

    def test_the_first_the_same_and_a_descendant(self) -> None:
        require_forward(None, NEW, self.never)
        require_forward(None, None, self.never)
        require_forward(NEW, NEW, self.never)
        require_forward(NEW, f"{NEW}-dirty", self.never)
        require_forward(f"{NEW}-dirty", NEW, self.never)
        require_forward(OLD, NEW, lambda older, newer: (older, newer) == (OLD, NEW))

    @pytest.mark.parametrize(
        ("answer", "expected"), [(False, "git revert"), (None, "fetch-depth: 0")]
    )
    def test_no_other(self, *, answer: bool | None, expected: str) -> None:
        with pytest.raises(StalePlanError, match=expected) as no:
            require_forward(NEW, f"{OLD}-dirty", lambda _older, _newer: answer)
        assert f"--allow-commit {OLD}" in str(no.value)

    def test_none_after_one(self) -> None:
        with pytest.raises(StalePlanError, match="--allow-commit none"):
            require_forward(NEW, None, self.never)

    def test_who_is_named(self) -> None:
        require_forward(NEW, OLD, self.never, OLD)
        require_forward(NEW, f"{OLD}-dirty", self.never, OLD)
        require_forward(NEW, None, self.never, "none")

    @pytest.mark.parametrize("named", [OLD[:7], "none", "HEAD"])
    def test_and_nobody_else(self, named: str) -> None:
        with pytest.raises(StalePlanError, match=named):
            require_forward(NEW, OLD, self.never, named)
