"""Unquoted words: what is called text is text to everyone."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.nodes import ScalarNode

from identity_reconciler.desired.yaml.scalars import plain_kind, resolved
from identity_reconciler.desired.yaml.tree import Plain, PlainKind

CHARACTERS = st.text(st.sampled_from("0123456789+-.:_eExXobaftnyNOoTtZ~=< /"), min_size=1)


class TestText:
    """No resolver, of YAML 1.1 or 1.2, reads as anything else what is called text."""

    @given(text=CHARACTERS | st.text(min_size=1, max_size=12))
    def test_no_resolver_disagrees(self, text: str) -> None:
        # Unquoted text does not start with these: they begin something else in YAML.
        if text[0] in "&*!" or text != text.strip() or plain_kind(text) is not None:
            return
        node_of = yaml.resolver.Resolver().resolve
        assert node_of(yaml.ScalarNode, text, (True, False)) == "tag:yaml.org,2002:str"
        resolver = YAML(typ="safe", pure=True).resolver
        for version in ((1, 1), (1, 2)):
            resolver._loader_version = version  # noqa: SLF001 (there is no other way in)
            tag = str(resolver.resolve(ScalarNode, text, (True, False)))
            assert tag == "tag:yaml.org,2002:str"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("no", PlainKind.BOOLEAN),
        ("Yes", PlainKind.BOOLEAN),
        ("y", PlainKind.BOOLEAN),
        ("007", PlainKind.NUMBER),
        ("1e3", PlainKind.NUMBER),
        ("1_000", PlainKind.NUMBER),
        ("0b101", PlainKind.NUMBER),
        ("0o17", PlainKind.NUMBER),
        ("+12.5", PlainKind.NUMBER),
        ("12:30:45", PlainKind.NUMBER),
        (".nan", PlainKind.NUMBER),
        ("-.INF", PlainKind.NUMBER),
        ("2026-01-02", PlainKind.DATE),
        ("2026-1-2 10:00:00", PlainKind.DATE),
        ("~", PlainKind.NULL),
        ("Null", PlainKind.NULL),
        ("<<", PlainKind.OTHER),
        ("=", PlainKind.OTHER),
        ("1password", None),
        ("-dash", None),
        ("...", None),
        ("nobody", None),
        ("E1042", None),
        ("janedoe", None),
    ],
)
def test_kinds(text: str, kind: PlainKind | None) -> None:
    assert plain_kind(text) is kind
    assert resolved(text) == (text if kind is None else Plain(text, kind))


def test_only_the_plain_word_null_is_none() -> None:
    assert resolved("null") is None
