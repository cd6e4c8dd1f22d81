"""Control: what a change of the YAML leaves less guarded, managed or approved than before. Pure.

Two declarations come in, that of the base and that of now, and out come the ways in which the
second holds less tightly than the first, each with the line that says it. `settings` has one rule
for every key of `instance.yaml`, `declarations` looks at approvals and at what is declared, and
`names` finds what the settings name and nobody has.
"""

from __future__ import annotations

from collections.abc import Iterable

from identity_reconciler.core.control.declarations import (
    UNREADABLE,
    dropped_instance,
    loosened_approvals,
    loosened_objects,
)
from identity_reconciler.core.control.loosening import Aspect, Loosening
from identity_reconciler.core.control.names import (
    Unmatched,
    unmatched,
    unmatched_in_accounts,
)
from identity_reconciler.core.control.settings import loosened_settings, under_new_names
from identity_reconciler.core.declared import Declared
from identity_reconciler.core.state import Application

__all__ = [
    "UNREADABLE",
    "Aspect",
    "Loosening",
    "Unmatched",
    "dropped_instance",
    "loosened",
    "under_new_names",
    "unmatched",
    "unmatched_in_accounts",
]


def loosened(
    base: Declared, now: Declared, applications: Iterable[Application] = ()
) -> tuple[Loosening, ...]:
    """Return what *now* holds less tightly than *base*, what weighs most first.

    That is: other instances, guards, approvals that are new, what is ignored, the modes of
    `manage`, and last the objects and lists that are not managed any more, those that the guards
    of *base* name before the others. *applications* are those that are live, as far as they are
    known: they tell that a name and an ARN mean the same.
    """
    return (
        *loosened_settings(base, now, {Aspect.GUARDED}),
        *loosened_approvals(base, now),
        *loosened_settings(base, now, set(Aspect) - {Aspect.GUARDED}),
        *loosened_objects(base, now, tuple(applications)),
    )
