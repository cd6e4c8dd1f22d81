"""The HTML report in a real browser: nothing leaves it, nothing gets out of its data."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest

from identity_reconciler.audit.formats.html import data_block, page
from identity_reconciler.audit.report import Edition, Report, Row
from identity_reconciler.audit.reports.access import ACCESS_COLUMNS
from tests.cli.browser import CHROMIUM, DRIVER, Browser, browser

NEEDS_BROWSER = pytest.mark.skipif(
    CHROMIUM is None or DRIVER is None, reason="chromium and chromedriver are not installed"
)
HOSTILE = (
    "</script><script>window.broken = 1</script>",
    "<img src=x onerror='window.broken = 1'>",
    "<!--<script>",
    "]]>\u2028\u2029\u0085",
    '"; window.broken = 1; "',
    "$title ${data}",
    "javascript:window.broken=1",
)


def row(user: str, application: str, group: str = "", status: str = "enabled") -> Row:
    path = f"through {group}" if group else "directly"
    arn = f"arn:aws:sso::111122223333:application/ssoins-1/{application}"
    email = f"{user}@example.com"
    return ("main", user, application, path, group, user.title(), email, status, arn, "")


ROWS = (
    row("ana", "Payroll"),
    row("ana", "Payroll", "finance"),
    row("bob", "Payroll", "finance", "disabled"),
    row("bob", "Wiki", "builders"),
    row("josé", "Wiki"),
    row("user10", "Wiki", "builders"),
    row("user9", "Wiki", "builders"),
)


def edition(*rows: Row, title: str = "Access", gap: str = "account 1: shut") -> Edition:
    report = Report("access", title, ACCESS_COLUMNS, rows, ("A note.",))
    return Edition(report, datetime(2026, 3, 1, 9, tzinfo=UTC), "live state of main", (gap,))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as opened:
        yield opened


class Shown:
    """A report in the browser."""

    def __init__(self, chromium: Browser, path: Path, of: Edition) -> None:
        self.chromium = chromium
        page_file = path / "report.html"
        page_file.write_text(page(of), encoding="utf-8")
        chromium.open(page_file)

    def column(self, name: str) -> list[str]:
        """Return the cells in sight of one column."""
        number = [column.name for column in ACCESS_COLUMNS].index(name)
        script = (
            "return [...document.querySelectorAll('tbody tr:not(.space)')]"
            ".map((row) => row.cells[arguments[0]].textContent)"
        )
        found: list[str] = self.chromium.run(script, number)
        return found

    @property
    def count(self) -> str:
        """What it says about the number of rows."""
        return str(self.chromium.run("return document.getElementById('count').textContent"))


@pytest.fixture
def shown(chromium: Browser, tmp_path: Path) -> Shown:
    return Shown(chromium, tmp_path, edition(*ROWS))


class _Elements(HTMLParser):
    """The elements and attributes of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


class TestPage:
    """What can be said of it without a browser."""

    def test_it_is_whole_by_itself(self) -> None:
        elements = _Elements(page(edition(*ROWS))).found
        assert not [
            tag for tag, attributes in elements if {"src", "style", "onclick"} & set(attributes)
        ]
        assert [a["href"] for _, a in elements if "href" in a] == ["#rows"]
        assert [tag for tag, _ in elements].count("script") == 2

    def test_the_policy_lets_nothing_in(self) -> None:
        policy = next(
            a["content"] for _, a in _Elements(page(edition())).found if "http-equiv" in a
        )
        assert policy is not None
        assert re.fullmatch(
            r"default-src 'none'; base-uri 'none'; form-action 'none'; "
            r"script-src 'sha256-[\w+/]{43}='; style-src 'sha256-[\w+/]{43}='",
            policy,
        )

    @pytest.mark.parametrize("value", HOSTILE)
    def test_no_value_adds_an_element(self, value: str) -> None:
        harmless = _Elements(page(edition(row("x", "x"), title="x", gap="x"))).found
        hostile = _Elements(page(edition(row(value, value), title=value, gap=value))).found
        assert [tag for tag, _ in hostile] == [tag for tag, _ in harmless]

    @pytest.mark.parametrize("value", HOSTILE)
    def test_no_value_ends_the_block_of_data(self, value: str) -> None:
        block = data_block(edition(row(value, value)).report)
        assert block.isascii()
        assert not set("<>&") & set(block)

    def test_the_same_report_is_the_same_page(self) -> None:
        assert page(edition(*ROWS)) == page(edition(*ROWS))


@NEEDS_BROWSER
class TestRows:
    """Search, fields and headings, as a person uses them."""

    def test_all_are_there(self, shown: Shown) -> None:
        assert shown.count == "7 of 7 rows"
        assert shown.column("user_name") == [row[1] for row in ROWS]
        assert shown.chromium.complaints() == []

    def test_a_search_finds_every_word_anywhere(self, shown: Shown) -> None:
        shown.chromium.type("#search", "FINANCE bob")
        assert shown.count == "1 of 7 rows"
        assert shown.column("user_name") == ["bob"]

    def test_a_search_ignores_unicode_forms(self, shown: Shown) -> None:
        shown.chromium.type("#search", "jose\u0301")
        assert shown.column("user_name") == ["josé"]

    def test_fields_narrow_together(self, shown: Shown) -> None:
        shown.chromium.type("#field-application", "wiki")
        shown.chromium.type("#field-group", "builders")
        assert shown.column("user_name") == ["bob", "user10", "user9"]
        shown.chromium.type("#field-person", "user9")
        assert shown.count == "1 of 7 rows"

    def test_a_field_that_is_a_value_means_that_value(self, shown: Shown) -> None:
        shown.chromium.type("#field-person", "user1")
        assert shown.column("user_name") == ["user10"]

    def test_everything_is_shown_again(self, shown: Shown) -> None:
        shown.chromium.type("#search", "nothing like it")
        assert shown.count == "0 of 7 rows"
        shown.chromium.click("button[type=reset]")
        shown.chromium.run("return new Promise((done) => setTimeout(done, 1))")
        assert shown.count == "7 of 7 rows"

    def test_headings_sort_both_ways_and_say_so(self, shown: Shown) -> None:
        heading = "thead th:nth-child(2)"
        sort = f"return document.querySelector('{heading}').getAttribute('aria-sort')"
        assert shown.chromium.run(sort) == "none"
        shown.chromium.click(f"{heading} button")
        assert shown.column("user_name")[-2:] == ["user9", "user10"]
        assert shown.chromium.run(sort) == "ascending"
        shown.chromium.click(f"{heading} button")
        assert shown.column("user_name")[:2] == ["user10", "user9"]
        assert shown.chromium.run(sort) == "descending"


@NEEDS_BROWSER
class TestAddress:
    """What is asked for stands in the address, and an address asks for it."""

    HASH = "return decodeURIComponent(location.hash)"

    def test_it_follows_what_is_asked_for(self, shown: Shown) -> None:
        assert shown.chromium.run(self.HASH) == ""
        shown.chromium.type("#search", "wiki")
        shown.chromium.type("#field-group", "builders")
        shown.chromium.click("thead th:nth-child(2) button")
        asked = "#search=wiki&group=builders&sort=user_name"
        assert shown.chromium.run(self.HASH) == asked
        shown.chromium.click("thead th:nth-child(2) button")
        assert shown.chromium.run(self.HASH) == asked.replace("=user", "=-user")

    def test_it_is_asked_for_when_the_page_is_opened(self, shown: Shown) -> None:
        shown.chromium.run("location.hash = '#search=wiki&group=builders&sort=-user_name'")
        shown.chromium.run("return new Promise((done) => setTimeout(done, 20))")
        assert shown.column("user_name") == ["user10", "user9", "bob"]
        shown.chromium.run("location.reload()")
        shown.chromium.run("return new Promise((done) => setTimeout(done, 200))")
        assert shown.column("user_name") == ["user10", "user9", "bob"]
        assert shown.chromium.complaints() == []

    @pytest.mark.parametrize(
        "fragment", ["#rows", "#search=%", "#sort=nothing&x=1", "#=", "#search"]
    )
    def test_odd_ones_ask_for_everything(self, shown: Shown, fragment: str) -> None:
        shown.chromium.run(f"location.hash = '{fragment}'")
        shown.chromium.run("return new Promise((done) => setTimeout(done, 20))")
        expected = "0 of 7 rows" if fragment == "#search=%" else "7 of 7 rows"
        assert shown.count == expected
        assert shown.chromium.complaints() == []

    def test_where_nothing_matches_a_line_says_so(self, shown: Shown) -> None:
        seen = "return !document.getElementById('nothing').hidden"
        assert not shown.chromium.run(seen)
        shown.chromium.type("#search", "nothing like it")
        assert shown.chromium.run(seen)


@NEEDS_BROWSER
class TestPaperAndPhone:
    """On paper only what differs, in landscape; on a phone the fields are folded away."""

    def test_paper_has_neither_details_nor_what_is_the_same(self, shown: Shown) -> None:
        shown.chromium.run("window.dispatchEvent(new Event('beforeprint'))")
        spans = (
            "return [...document.querySelectorAll(`#paper > ${arguments[0]}`)]"
            ".map((row) => [...row.children].map((one) => one.textContent))"
        )
        (named,) = shown.chromium.run(spans, "strong")
        assert "instance" not in named
        assert not [name for name in named if "arn" in name]
        assert {"user name", "application", "path"} <= set(named)
        assert shown.chromium.run(spans, "p") == [["In all rows: instance main"]]
        rows = shown.chromium.run(spans, "div")
        assert [row[named.index("user name")] for row in rows] == [one[1] for one in ROWS]
        shown.chromium.run("window.dispatchEvent(new Event('afterprint'))")
        assert shown.chromium.run(spans, "div") == []

    def test_only_what_is_chosen_is_printed(self, shown: Shown) -> None:
        shown.chromium.type("#search", "finance")
        shown.chromium.run("window.dispatchEvent(new Event('beforeprint'))")
        count = "return document.querySelectorAll('#paper > div').length"
        assert shown.chromium.run(count) == 2

    def test_pages_are_in_landscape(self, shown: Shown) -> None:
        box = re.search(rb"/MediaBox ?\[0 0 ([\d.]+) ([\d.]+)\]", shown.chromium.print())
        assert box is not None
        assert float(box[1]) > float(box[2])

    def test_fields_fold_on_a_phone(self, shown: Shown) -> None:
        is_open = "return document.getElementById('fields').open"
        assert shown.chromium.run(is_open)
        shown.chromium.resize(390, 800)
        try:
            shown.chromium.run("location.reload()")
            shown.chromium.run("return new Promise((done) => setTimeout(done, 200))")
            assert not shown.chromium.run(is_open)
            wide = "return document.documentElement.scrollWidth > innerWidth"
            assert not shown.chromium.run(wide)
        finally:
            shown.chromium.resize(1400, 900)


@NEEDS_BROWSER
class TestPicture:
    """Person, group and application, for what is chosen."""

    def test_it_shows_the_selection_and_narrows_it(self, shown: Shown) -> None:
        shown.chromium.type("#field-person", "ana")
        shown.chromium.click("#picture summary")
        labels = "return [...document.querySelectorAll('svg title')].map((one) => one.textContent)"
        shown.chromium.run("return new Promise((done) => setTimeout(done, 1))")
        assert shown.chromium.run(labels) == ["ana", "finance", "Payroll"]
        # Directly; and from the person to the group, from the group to the application.
        assert shown.chromium.run("return document.querySelectorAll('svg path').length") == 3
        pressed = "new KeyboardEvent('keydown', {key: 'Enter'})"
        shown.chromium.run(f"document.querySelectorAll('svg g')[1].dispatchEvent({pressed})")
        assert shown.count == "1 of 7 rows"
        assert shown.chromium.run("return document.activeElement.id") == "field-group"

    def test_too_much_is_not_drawn(self, chromium: Browser, tmp_path: Path) -> None:
        many = Shown(chromium, tmp_path, edition(*(row(f"u{n}", "Wiki") for n in range(61))))
        chromium.click("#picture summary")
        chromium.run("return new Promise((done) => setTimeout(done, 1))")
        assert chromium.run("return document.querySelectorAll('svg').length") == 0
        words = chromium.run("return document.getElementById('picture-words').textContent")
        assert "too much to draw" in words
        assert many.count == "61 of 61 rows"


@NEEDS_BROWSER
class TestSafety:
    """Values are shown, and nothing but shown."""

    def test_hostile_values_are_text(self, chromium: Browser, tmp_path: Path) -> None:
        rows = tuple(row(value, value, value) for value in HOSTILE)
        seen = Shown(chromium, tmp_path, edition(*rows, title=HOSTILE[0]))
        chromium.click("#picture summary")
        assert seen.count == f"{len(HOSTILE)} of {len(HOSTILE)} rows"
        assert seen.column("user_name")[:3] == list(HOSTILE[:3])
        assert chromium.run("return typeof window.broken") == "undefined"
        assert chromium.run("return document.title") == HOSTILE[0]
        assert chromium.complaints() == []

    def test_no_request_and_no_other_script_gets_out(self, shown: Shown) -> None:
        script = (
            "const one = document.createElement('script'); one.textContent = 'window.broken = 1';"
        )
        shown.chromium.run(f"{script} document.body.append(one)")
        assert shown.chromium.run("return typeof window.broken") == "undefined"
        shown.chromium.run("new Image().src = 'https://example.com/x.png'")
        shown.chromium.run("return fetch('https://example.com/').catch(() => 'refused')")
        complaints = " ".join(shown.chromium.complaints())
        for directive in ("script-src", "img-src", "connect-src"):
            assert directive in complaints


@NEEDS_BROWSER
class TestEveryone:
    """With a keyboard, a screen reader, a printer."""

    def test_everything_that_takes_input_has_a_label(self, shown: Shown) -> None:
        script = (
            "const all = [...document.querySelectorAll('input, button, [tabindex=\"0\"]')];"
            "return all.filter((one) => !(one.labels && one.labels.length)"
            " && !one.textContent.trim() && !one.getAttribute('aria-label')).length"
        )
        assert shown.chromium.run(script) == 0
        assert shown.chromium.run("return document.querySelectorAll('input').length") == 5

    def test_rows_say_where_they_are(self, shown: Shown) -> None:
        shown.chromium.type("#search", "wiki")
        assert shown.chromium.run(
            "return document.querySelector('table').getAttribute('aria-rowcount')"
        ) == str(len([one for one in ROWS if one[2] == "Wiki"]) + 1)
        script = "return document.querySelector('tbody tr').getAttribute('aria-rowindex')"
        assert shown.chromium.run(script) == "2"

    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_contrast_is_enough(self, shown: Shown, scheme: str) -> None:
        text = page(edition(*ROWS))
        colours = re.findall(r"--(\w+): (#[0-9a-f]{6})", text)
        palette = dict(colours[:6] if scheme == "light" else colours[6:12])
        for ink, paper in (
            ("ink", "paper"), ("ink", "soft"), ("alarm", "paper"), ("link", "paper"),
        ):  # fmt: skip
            assert _contrast(palette[ink], palette[paper]) >= 4.5
        assert _contrast(palette["line"], palette["paper"]) >= 3
        assert shown.count

    def test_only_rows_in_sight_are_elements_but_all_are_printed(
        self, chromium: Browser, tmp_path: Path
    ) -> None:
        many = Shown(chromium, tmp_path, edition(*(row(f"u{n:03}", "Wiki") for n in range(500))))
        elements = "return document.querySelectorAll('tbody tr:not(.space)').length"
        assert chromium.run(elements) < 100
        chromium.run("document.getElementById('rows').scrollTop = 1e9")
        chromium.run("return new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
        assert many.column("user_name")[-1] == "u499"
        chromium.run("window.dispatchEvent(new Event('beforeprint'))")
        assert chromium.run("return document.querySelectorAll('#paper > div').length") == 500
        chromium.run("window.dispatchEvent(new Event('afterprint'))")
        assert chromium.run(elements) < 100
        assert chromium.print().startswith(b"%PDF-")


def _contrast(one: str, other: str) -> float:
    """Return the contrast ratio. Source: WCAG 2.2, relative luminance."""

    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = [
            part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
        ]
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)
