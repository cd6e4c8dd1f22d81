"""Which file a new entry goes to. The command line asks for it, so this imports next to nothing."""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum

from identity_reconciler.core.state import folded


class Layout(StrEnum):
    """How new entries are spread over files."""

    ONE_FILE = "one-file"
    BY_KIND = "by-kind"
    BY_PREFIX = "by-prefix"


def file_for(layout: Layout, section: str, name: str) -> str:
    """Return the file for the entry called *name* of a section."""
    match layout:
        case Layout.ONE_FILE:
            return "identities.yaml"
        case Layout.BY_PREFIX if section != "applications":
            return f"{section}/{_prefix(section, name)}.yaml"
        case _:
            return f"{section}.yaml"


def _prefix(section: str, name: str) -> str:
    """Return the first letter of a user name; of a group's, what stands before the first sign."""
    plain = unicodedata.normalize("NFKD", folded(name)).encode("ascii", "ignore").decode()
    words = re.findall("[a-z0-9]+", plain)
    first: str = words[0] if words else "other"
    return first[0] if section == "users" and words else first[:40]
