"""What every operation works on: the data, the clock, the assumptions; and who is calling."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from identity_reconciler.sandbox.assumptions import Assumptions
from identity_reconciler.sandbox.messages import Params
from identity_reconciler.sandbox.quotas import Quotas
from identity_reconciler.sandbox.store import Store
from identity_reconciler.sandbox.troublemaker import Troublemaker

__all__ = ["Answer", "Caller", "Params", "World"]

Answer = dict[str, Any]
"""The members of a response as they go over the wire."""


def random_uuid() -> str:
    """Return a fresh random UUID."""
    return str(uuid.uuid4())


@dataclass(slots=True)
class World:
    """The data and the rules of one sandbox."""

    store: Store
    assumptions: Assumptions = field(default_factory=Assumptions)
    quotas: Quotas = field(default_factory=Quotas)
    clock: Callable[[], float] = time.time
    """Seconds since 1970."""
    sleep: Callable[[float], None] = time.sleep
    new_uuid: Callable[[], str] = random_uuid
    troublemaker: Troublemaker | None = None
    """None: everything goes smoothly."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who made a request, and to which Region."""

    account: str
    """Twelve digits."""
    region: str
    arn: str
    user_id: str
    access_key: str
