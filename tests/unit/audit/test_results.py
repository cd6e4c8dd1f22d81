"""What an account answers is written down in one form, and comes back as it was."""

from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given, settings

from identity_reconciler.audit.inspection import Account, InstanceScope, Site, Visit
from identity_reconciler.audit.results import decoded, encoded, head_of
from identity_reconciler.core.state import State, User, UserName, user_key
from identity_reconciler.errors import UsageError
from tests.strategies import INSTANCE, live_states
from tests.unit.audit.worlds import STATE

ACCOUNT = Account("111122223333", "Prod", "ACTIVE")


def visit(state: State) -> Visit:
    return Visit(ACCOUNT, (Site(INSTANCE, state, InstanceScope.ACCOUNT, "ACTIVE"),))


def back(written: bytes) -> Visit:
    return decoded(io.BytesIO(written), "it")


class TestForm:
    """Nothing of it is lost, and the same answer is the same bytes."""

    @settings(max_examples=25)
    @given(state=live_states())
    def test_it_comes_back(self, state: State) -> None:
        kept = back(encoded(visit(state)))
        assert kept == visit(replace(state, twins={}, account_access={}, account_gaps=frozenset()))
        # Which is not compared.
        assert [one.provenance for one in kept.sites[0].state.users.values()] == [
            state.users[key].provenance for key in sorted(state.users)
        ]
        assert encoded(kept) == encoded(visit(state))

    def test_a_trouble(self) -> None:
        given = Visit(ACCOUNT, trouble="the account is SUSPENDED", passing=True)
        assert back(encoded(given)) == given

    def test_half_a_surrogate_pair(self) -> None:
        user = User(UserName("ana"), display_name="\ud800")
        state = State(users={user_key("ana"): user})
        assert back(encoded(visit(state))) == visit(state)

    def test_the_bytes_do_not_depend_on_the_process(self) -> None:
        program = (
            "import hashlib; from tests.unit.audit.test_results import *; "
            "print(hashlib.sha256(encoded(visit(STATE))).hexdigest())"
        )
        said = {
            subprocess.run(
                [sys.executable, "-c", program],
                env={**os.environ, "PYTHONHASHSEED": seed},
                check=True, capture_output=True,
            ).stdout
            for seed in ("1", "2")
        }  # fmt: skip
        assert len(said) == 1


class TestHead:
    """It tells which instances there are, without what is in them."""

    def test_all_but_the_contents(self) -> None:
        assert head_of(io.BytesIO(encoded(visit(STATE))), "it") == visit(State())

    def test_the_rest_is_not_read(self) -> None:
        lines = gzip.decompress(encoded(visit(STATE))).splitlines(keepends=True)
        cut = gzip.compress(lines[0] + b"garbage\n")
        assert head_of(io.BytesIO(cut), "it") == visit(State())
        with pytest.raises(UsageError, match="it does not hold the answer of an account"):
            back(cut)


class TestRefused:
    """What was written by something else is not taken for an answer."""

    @pytest.mark.parametrize(
        "written",
        [
            b"",
            b"garbage",
            encoded(visit(STATE))[:-20],
            gzip.compress(b""),
            gzip.compress(b"\xff\n"),
            gzip.compress(b"[]\n"),
            gzip.compress(b'{"format": "identity-reconciler/audit-account 1"}\n'),
        ],
        ids=["nothing", "no gzip", "cut off", "empty", "no text", "a list", "no account"],
    )
    def test_something_else(self, written: bytes) -> None:
        with pytest.raises(UsageError, match="it does not hold the answer of an account"):
            back(written)

    def test_another_version(self) -> None:
        head = json.loads(gzip.decompress(encoded(Visit(ACCOUNT))))
        head["format"] = "identity-reconciler/audit-account 2"
        with pytest.raises(UsageError, match="another version of this program; collect it again"):
            head_of(io.BytesIO(gzip.compress(json.dumps(head).encode())), "it")

    def test_an_instance_without_contents(self) -> None:
        lines = gzip.decompress(encoded(visit(STATE))).splitlines(keepends=True)
        with pytest.raises(UsageError, match="does not hold"):
            back(gzip.compress(lines[0]))
