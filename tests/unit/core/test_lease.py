"""The lease as a record: who may apply, what counts as applied, what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from identity_reconciler.core.lease import (
    DIRECTORY,
    LEASE_GROUP,
    LONGEST_RECORD,
    MARGIN,
    OFF,
    PERIOD,
    Generation,
    Holder,
    Lease,
    LeaseUnreadableError,
    claimed,
    claims_of_others,
    ended,
    is_lease,
    lease_group,
    lease_in,
    lease_text,
    lock_in,
    lock_of,
    renewed,
    repository_of,
    require_forward,
    require_unmoved,
    settled,
    taken,
)
from identity_reconciler.core.ownership import (
    LONGEST_CLAIMS,
    Claims,
    NamePatterns,
    claims_of,
    claims_text,
)
from identity_reconciler.core.state import GroupName
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

    def test_is_what_it_was_for_older_versions(self) -> None:
        """What is kept in directories now has to be readable for good, and to be told apart."""
        assert lease_text(HELD) == (
            '{"format":"identity-reconciler/lease 1","generation":3,'
            f'"commit":"{OLD}","plan":null,"holder":{{"nonce":"t1",'
            '"owner":"GitHub run 7, attempt 1","since":"2026-03-01T09:00:00Z",'
            f'"until":"2026-03-01T09:15:00Z","commit":"{NEW}","plan":"{PLAN}"}}}}'
        )
        assert Lease() == Lease(Generation(0, None, None), None)

    def test_owners_are_harmless(self) -> None:
        strange = replace(FIRST, owner=f"\N{SNOWMAN}\x1b{'x' * 200}")
        holder = lease_in(lease_text(replace(HELD, holder=strange))).holder
        assert holder is not None
        assert holder.owner == f"??{'x' * 98}"

    def test_fits(self) -> None:
        longest = replace(FIRST, owner="\N{SNOWMAN}\x1b" * 999, commit=f"{'a' * 64}-dirty")
        text = lease_text(Lease(Generation(10**9, f"{'b' * 64}-dirty", PLAN), longest))
        assert len(text) <= LONGEST_RECORD == 1024
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
            "[" * 200_000,
            "7",
            lease_text(FREE).replace("lease 1", "lease 2"),
            lease_text(FREE).replace(":3,", ":-3,"),
            lease_text(FREE).replace(":3,", ":true,"),
            lease_text(FREE).replace(":3,", ":1.5,"),
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

    def test_each_repository_has_a_group_of_its_own(self) -> None:
        for repository in ("", "payments", "a-b"):
            group = lease_group(lock_in("directory", repository))
            assert is_lease(group)
            assert repository_of(group.upper()) == repository

    def test_what_it_owns_stays_until_it_says_otherwise(self) -> None:
        """Through all that becomes of it: taken, renewed, over, given back."""
        owns = NamePatterns(applications=("Pay*", "\N{SNOWMAN}"))
        claims = Claims(owns, NamePatterns(groups=("x",)))
        lease = claimed(taken(FREE, FIRST), claims)
        assert claimed(lease, None) == lease
        for one in (
            lease,
            renewed(lease, FIRST.since),
            settled(lease, FIRST.until + 2 * MARGIN),
            ended(lease, wrote=True, done=False),
            ended(lease, wrote=False, done=False),
        ):
            assert lease_in(lease_text(one)).claims == claims

    def test_others_are_told_apart_and_what_is_unreadable_left_out(self) -> None:
        claims = Claims(NamePatterns(users=("u",)), NamePatterns())
        told = lease_text(claimed(FREE, claims))
        records = {
            GroupName(f"{LEASE_GROUP}{end}"): text
            for end, text in {
                "": told,
                "-ours": told,
                "-Pay": told,
                "-silent": lease_text(FREE),
                "-odd": "Everyone on call",
                "-wrong": told.replace('["u"]', '"u"'),
            }.items()
        }
        assert claims_of_others(records, "directory/ours") == {"": claims, "pay": claims}
        assert claims_of_others(records, "directory").keys() == {"ours", "pay"}

    @pytest.mark.parametrize("text", ["", "[]", "{}", "7", '{"owns":{},"leaves":{"users":[1]}}'])
    def test_nothing_else_is_a_claim(self, text: str) -> None:
        with pytest.raises(ValueError, match="no claims"):
            claims_of(text)

    def test_the_longest_claims_fit(self) -> None:
        shortest = claims_text(Claims(NamePatterns(("",)), NamePatterns()))
        pattern = "x" * (LONGEST_CLAIMS - len(shortest))
        claims = Claims(NamePatterns((pattern,)), NamePatterns())
        assert len(claims_text(claims)) == LONGEST_CLAIMS
        longest = replace(FIRST, owner="x" * 999, commit=f"{'a' * 64}-dirty")
        lease = Lease(Generation(10**9, f"{'b' * 64}-dirty", PLAN), longest, claims)
        assert len(lease_text(lease)) <= LONGEST_RECORD


class TestPlace:
    """Where it is kept: as the settings say, and inside a sandbox for that."""

    @pytest.mark.parametrize(
        ("setting", "sandbox", "place"),
        [
            ("directory", False, "directory"),
            ("directory", True, "directory"),
            ("s3://bucket/key", False, "s3://bucket/key"),
            ("s3://bucket/key", True, "directory"),
            ("off", False, "off"),
            ("off", True, "off"),
        ],
    )
    def test_of(self, setting: str, *, sandbox: bool, place: str) -> None:
        assert lock_of(setting, sandbox=sandbox) == place
        assert (DIRECTORY, OFF) == ("directory", "off")


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

    def test_of_a_run_that_is_known_to_be_gone_it_is_taken_at_once(self) -> None:
        """That run may have written, so its commit is the one applied last."""
        soon = replace(LATER, since=NOW, until=NOW + PERIOD)
        assert taken(HELD, soon, "t1") == Lease(Generation(4, NEW, PLAN), soon)
        with pytest.raises(LockHeldError):
            taken(HELD, soon, "t3")

    def test_from_when_on_a_renewal_counts(self) -> None:
        last = FIRST.until - MARGIN
        assert renewed(HELD, last).generation.number == 4
        assert renewed(HELD, last - timedelta(microseconds=1)).generation.number == 3

    def test_renewed_times_are_whole_seconds_and_always_later(self) -> None:
        assert timedelta(minutes=15) == PERIOD
        odd = renewed(HELD, NOW + timedelta(seconds=90, microseconds=7)).holder
        assert odd is not None
        assert odd.until == FIRST.until + timedelta(seconds=90)
        set_back = renewed(HELD, NOW - timedelta(hours=1)).holder
        assert set_back is not None
        assert set_back.until == FIRST.until + timedelta(seconds=1)

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


class TestAllowedCommits:
    """`--allow-commit` names what is applied, or is refused with what that is."""

    @pytest.mark.parametrize(("ours", "shown"), [(NEW, NEW), (None, "none")])
    def test_says_what_is_to_be_applied(self, ours: str | None, shown: str) -> None:
        with pytest.raises(StalePlanError, match=f"names {OLD}, .* is of commit {shown}$"):
            require_forward(None, ours, lambda *_: True, OLD)
        require_forward(OLD, ours, lambda *_: False, shown)


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
