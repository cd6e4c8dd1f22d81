"""What the sandbox takes from the program: facts about AWS that have their home there.

Nothing else in the sandbox imports from outside of it, but for the errors and for `seeding`, which
makes a declared state live. Released on its own, the sandbox would have these three lines here.
"""

from identity_reconciler.core.attributes import ENTERPRISE, RESERVED_NAMES, USER_ATTRIBUTES

__all__ = ["ENTERPRISE", "ENTERPRISE_TEXTS", "RESERVED_NAMES"]

ENTERPRISE_TEXTS = frozenset(
    attribute.members[-1]
    for attribute in USER_ATTRIBUTES
    if attribute.members[:-1] == ("Extensions", ENTERPRISE)
)
"""Keys of the extension that are texts. It is a free document: the service's model has none."""
