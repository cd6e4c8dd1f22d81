"""Checks of single values: names, dates, and how messages show them."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from identity_reconciler.core.attributes import USER_ATTRIBUTES
from identity_reconciler.core.wording import did_you_mean, shown
from identity_reconciler.desired.model.entries import MembersWhere
from identity_reconciler.desired.model.forms import first_instant_of
from identity_reconciler.desired.model.text import (
    check_group_name,
    check_text,
    check_user_name,
)


class TestExpiry:
    """A date holds through its end, UTC; a time is that instant."""

    @pytest.mark.parametrize(
        ("text", "instant"),
        [
            ("2026-12-31", datetime(2027, 1, 1, tzinfo=UTC)),
            ("2028-02-29", datetime(2028, 3, 1, tzinfo=UTC)),
            ("2026-12-31T18:00:00Z", datetime(2026, 12, 31, 18, tzinfo=UTC)),
            ("2026-12-31 18:00+02:00", datetime(2026, 12, 31, 16, tzinfo=UTC)),
            ("2026-12-31t23:30:00-01:00", datetime(2027, 1, 1, 0, 30, tzinfo=UTC)),
        ],
    )
    def test_instants(self, text: str, instant: datetime) -> None:
        assert first_instant_of(text, days=1) == instant

    @pytest.mark.parametrize(
        "text",
        [
            *("2026-02-30", "2026-12-31T10:00:00", "tomorrow", "31.12.2026", "2026-1-1", ""),
            *("2026-12-31T25:00:00Z", "9999-12-31", "2026-W01-1", "2026-12-31T10Z", "20261231"),
            *("0001-01-01T00:00:00+23:59", "२०२६-१२-३१"),
        ],
    )
    def test_refused(self, text: str) -> None:
        with pytest.raises(PydanticCustomError):
            first_instant_of(text, days=1)


class TestStart:
    """A date starts at its beginning, UTC; a time is that instant, and nothing is added to it."""

    @pytest.mark.parametrize(
        ("text", "instant"),
        [
            ("2026-12-31", datetime(2026, 12, 31, tzinfo=UTC)),
            ("9999-12-31", datetime(9999, 12, 31, tzinfo=UTC)),
            ("2026-12-31T18:00:00+02:00", datetime(2026, 12, 31, 16, tzinfo=UTC)),
        ],
    )
    def test_instants(self, text: str, instant: datetime) -> None:
        assert first_instant_of(text) == instant


class TestNames:
    """Names are those that AWS takes, in one Unicode form."""

    @pytest.mark.parametrize(
        "name", ["jane", "jane.doe@example.com", "j+d", "Ünal", "山田", "o'neil", "u" * 128, "€"]
    )
    def test_user_names(self, name: str) -> None:
        assert check_user_name(name) == name

    @pytest.mark.parametrize(
        "name",
        [
            *("", "a b", "a\tb", "a\u00a0b", "a\u3000b", "\u200b", "u" * 129, "a\x00", "a\u202eb"),
            *("administrator", "AWSADMINISTRATORS", "e\u0301", "\ue000", "\U000e0001"),
        ],
    )
    def test_no_user_names(self, name: str) -> None:
        with pytest.raises(PydanticCustomError):
            check_user_name(name)

    @pytest.mark.parametrize("name", ["Data Science", "a", "Équipe données", "g" * 1024])
    def test_group_names(self, name: str) -> None:
        assert check_group_name(name) == name

    @pytest.mark.parametrize(
        "name", ["", " a", "a ", "a\nb", "a\u00a0b", "g" * 1025, "AWSAdministrators"]
    )
    def test_no_group_names(self, name: str) -> None:
        with pytest.raises(PydanticCustomError):
            check_group_name(name)

    @given(text=st.text(min_size=1, max_size=40))
    def test_attributes_hold_only_what_aws_takes(self, text: str) -> None:
        good = all(
            unicodedata.category(one)[0] in "LMSNP" or one in "\t\n\r \u00a0\u3000" for one in text
        )
        try:
            check_text(text)
        except PydanticCustomError:
            assert not good
        else:
            assert good


class TestWording:
    """A value in a message is harmless and one short line."""

    @given(text=st.text(max_size=200))
    def test_values_are_shown_on_one_line(self, text: str) -> None:
        line = shown(text)
        assert line[0] == line[-1] == '"'
        assert all(one == " " or unicodedata.category(one)[0] not in "CZ" for one in line)

    @given(first=st.text(max_size=60), second=st.text(max_size=60))
    def test_different_values_look_different(self, first: str, second: str) -> None:
        assert (shown(first) == shown(second)) == (first == second)

    def test_long_values_are_cut(self) -> None:
        assert len(shown("x" * 1000)) == 82

    def test_slips(self) -> None:
        assert did_you_mean("emial", ["email", "title"]) == '; did you mean "email"?'
        assert did_you_mean("nothing", ["email", "title"]) == ""
        many = {f"name{number}" for number in range(1000)}
        assert did_you_mean("nmae500", many) == '; did you mean "name500"?'
        assert did_you_mean("nobody", many) == ""


class TestRules:
    """A rule for members goes by attributes that are one text."""

    def test_go_by_the_attributes_there_are(self) -> None:
        texts = {one.field for one in USER_ATTRIBUTES if one.structure is None}
        assert texts > set(MembersWhere.model_fields)
