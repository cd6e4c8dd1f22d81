"""What one run has learnt about AWS accounts and does not ask for again."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from identity_reconciler.core.accounts import AccountGap, AccountRole
from identity_reconciler.core.state import PrincipalKind

Holder = tuple[PrincipalKind, str]
"""A principal by its PrincipalId."""
Held = tuple[str, str]
"""An account, and the ARN of a permission set."""


@dataclass(slots=True)
class AccountNames:
    """Names, and what there is at all; None: not asked yet.

    Who finds out something that others may be after holds `learning`, and looks first whether they
    have found it out meanwhile.
    """

    learning: threading.RLock = field(default_factory=threading.RLock)
    answered: set[str] = field(default_factory=set)
    """The services that have let in whoever asks."""

    permission_sets: dict[str, str] = field(default_factory=dict)
    """By ARN."""
    accounts: dict[str, str] | None = None
    """By account; empty where the organisation may not be asked."""
    enabled: bool | None = None
    """Whether the instance has permission sets."""
    unsure: bool = False
    """Whether AWS has not said so, and it is only taken to have some."""
    manager: str | None = None
    """The ARN of the instance's application of account access manager; empty: there is none."""
    gaps: frozenset[AccountGap] = frozenset()
    """What was refused: it is not asked for again."""
    places: list[Held] | None = None
    """In which account there is which permission set, sorted."""
    listed: list[tuple[Holder, Held]] | None = None
    """Everything that hangs on permission sets, once it has been listed."""
    entitled: list[tuple[Holder, AccountRole]] | None = None
    """As `listed`, of account access manager."""
