"""What differs between two versions of somebody is told attribute by attribute."""

from __future__ import annotations

from dataclasses import replace

from identity_reconciler.core.state import Email, PostalAddress, User, UserName
from identity_reconciler.render.differences import Difference, differences

BARE = User(UserName("ana"))
TEXTS = {
    "display_name": "Ana",
    "given_name": "A",
    "family_name": "B",
    "title": "Engineer",
    "nick_name": "an",
    "locale": "pt",
    "timezone": "UTC",
    "website": "https://example.com",
    "user_type": "employee",
}


class TestHowMuchDiffers:
    """However little stays as it is, each attribute, and each part of one, has its own line."""

    def test_nearly_everything(self) -> None:
        full = replace(BARE, **TEXTS)  # type: ignore[arg-type]  # Only fields that are strings.
        added = differences(BARE, full)
        assert {(one.before, one.after) for one in added} == {
            (None, text) for text in TEXTS.values()
        }
        assert differences(full, BARE) == tuple(
            Difference(one.field, one.after, one.before) for one in added
        )

    def test_nearly_all_parts_of_an_address(self) -> None:
        short = replace(BARE, address=PostalAddress(country="PT"))
        full = replace(
            BARE,
            address=PostalAddress(country="PT", locality="Porto", region="N", postal_code="4000"),
        )
        assert [one.field for one in differences(short, full)] == [
            "address.locality",
            "address.postal_code",
            "address.region",
        ]

    def test_nothing_but_the_first(self) -> None:
        found = differences(BARE, replace(BARE, email=Email("ana@example.com")))
        assert found == (Difference("email", None, "ana@example.com"),)

    def test_nothing(self) -> None:
        assert differences(BARE, BARE) == ()
