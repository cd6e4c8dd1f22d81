"""Identifiers of objects and links as text."""

from __future__ import annotations

import pytest

from identity_reconciler.core.object_ids import ObjectIds, as_text, parse_ids
from identity_reconciler.errors import UsageError

USER = "906712345a-11111111-2222-3333-4444-555555555555"
GROUP = "11111111-2222-3333-4444-555555555555"
ARN = "arn:aws:sso::123456789012:application/ssoins-1234567890abcdef/apl-1234567890abcdef"


class TestParse:
    """Reads what `as_text` writes, each once."""

    def test_round_trip(self) -> None:
        ids = (
            ObjectIds(user=USER),
            ObjectIds(group=GROUP, user=USER),
            ObjectIds(membership=GROUP),
            ObjectIds(application=ARN),
            ObjectIds(application=ARN, group=GROUP),
        )
        assert set(parse_ids(as_text(ids + ids))) == set(ids)
        assert len(parse_ids(f"user/{USER},user/{USER}\n user/{USER}")) == 1

    @pytest.mark.parametrize(
        "text",
        [
            " ,",
            "user/",
            "user/../x",
            f"user/{USER}+user/{USER}",
            f"user/{USER}+membership/{GROUP}",
            f"users/{USER}",
            f"user/{USER};",
            f"application/{ARN}/x",
            "--format",
        ],
    )
    def test_anything_else_is_refused(self, text: str) -> None:
        with pytest.raises(UsageError, match=r"no identifier"):
            parse_ids(text)
