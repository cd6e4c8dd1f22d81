"""Columns of text in a terminal, whatever the names are made of."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity_reconciler.core.declared import (
    ApplicationSelector,
    DeclaredApplication,
    DeclaredGroup,
    DeclaredUser,
)
from identity_reconciler.core.state import Group, GroupName
from identity_reconciler.errors import Position
from identity_reconciler.render.text import plan_text
from identity_reconciler.render.widths import TableRow, padded, table, width, wrapped
from tests.golden.samples import DECLARED, listed, made, person
from tests.strategies import NOW

NAMES = ("王小明", "ana-maria", "Jose\u0301", "Jörg", "가나다라마바사", "ｱｲｳ")
CHARACTERS = "aZ0 -é\u0301ß王明가ｱЖ"


def columns(text: str) -> int:
    """Return the columns by the width that Unicode gives characters. Source: UAX 11."""
    marks = sum(1 for one in text if unicodedata.combining(one))
    wide = sum(1 for one in text if unicodedata.east_asian_width(one) in "WF")
    return len(text) - marks + wide


class TestWidth:
    """Wide characters take two columns, marks none, all others one."""

    @given(text=st.text(CHARACTERS))
    def test_is_that_of_the_characters(self, text: str) -> None:
        assert width(text) == columns(text)

    @given(text=st.text(CHARACTERS), least=st.integers(0, 60))
    def test_padding(self, text: str, least: int) -> None:
        found = padded(text, least)
        assert found.rstrip(" ") == text.rstrip(" ")
        assert columns(found) == max(least, columns(text))


def plan() -> str:
    """Return the text of a plan in which people with all kinds of names come, and some expire."""
    users = [DeclaredUser(person(name), Position("crowd.yaml", 2, 5)) for name in NAMES]
    ending = [replace(one, expires=NOW + timedelta(days=3)) for one in listed(*NAMES)]
    crowd = DeclaredGroup(Group(GroupName("開発")), Position("g.yaml", 2, 5), members=tuple(ending))
    wiki = DeclaredApplication(
        ApplicationSelector(name="Wiki"), Position("a.yaml", 2, 5), groups=listed("開発")
    )
    return plan_text(
        made(
            replace(
                DECLARED,
                users=(*DECLARED.users, *users),
                groups=(*DECLARED.groups, crowd),
                applications=(wiki,),
            )
        )
    )


class TestFolding:
    """Lines are no longer than they may be, and no word is broken that fits a line."""

    @given(text=st.text(CHARACTERS, max_size=60), limit=st.integers(2, 20))
    def test_lines(self, text: str, limit: int) -> None:
        lines = wrapped(text, limit)
        assert max(map(columns, lines)) <= limit
        assert "".join(lines).replace(" ", "") == text.replace(" ", "")
        if max(map(columns, text.split(" "))) <= limit:
            assert " ".join(lines) == text
            for line, following in pairwise(lines):
                assert columns(f"{line} {following.split(' ')[0]}") > limit

    @given(texts=st.lists(st.text(CHARACTERS, max_size=40), min_size=1, max_size=6))
    def test_tables(self, texts: list[str]) -> None:
        """Whatever is in a table is in its lines, each row's subject first."""
        rows = [TableRow("+ ", f"s{one}", (f"d{one}", one), f"p{one}") for one in texts]
        for limit in (40, 80, 400):
            lines = list(table(rows, limit))
            assert max(map(columns, lines)) <= limit
            told, parts = Counter("".join(lines)), Counter("".join(cells(rows)))
            assert all(told[one] >= parts[one] for one in parts if one != " ")
            assert sum(line.startswith("+ s") for line in lines) == len(rows)


def cells(rows: list[TableRow]) -> Iterator[str]:
    for row in rows:
        yield from (row.subject, *row.details, row.place)


class TestPlan:
    """The columns of a plan begin at the same place in every line."""

    @pytest.mark.parametrize(
        ("line", "column"),
        [
            (r"\+ user/", r"\S+\.yaml:\d+$"),
            (r" +membership/.* until ", "until "),
        ],
        ids=["changes", "expiring"],
    )
    def test_begin_at_one_place(self, line: str, column: str) -> None:
        lines = [one for one in plan().splitlines() if re.match(line, one)]
        starts = []
        for one in lines:
            found = re.search(column, one)
            assert found is not None, one
            starts.append(columns(one[: found.start()]))
        assert len(starts) >= len(NAMES)
        assert len(set(starts)) == 1, "\n".join(lines)
