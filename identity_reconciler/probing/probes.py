"""All questions, in the order in which they are asked and shown."""

from __future__ import annotations

from identity_reconciler.probing.access_manager import ACCESS_MANAGER
from identity_reconciler.probing.accounts import ACCOUNTS
from identity_reconciler.probing.applications import APPLICATIONS
from identity_reconciler.probing.instances import INSTANCES
from identity_reconciler.probing.memberships import MEMBERSHIPS
from identity_reconciler.probing.names import NAMES
from identity_reconciler.probing.permission_sets import PERMISSION_SETS
from identity_reconciler.probing.updates import UPDATES

PROBES = (
    *NAMES,
    *UPDATES,
    *MEMBERSHIPS,
    *APPLICATIONS,
    *INSTANCES,
    *PERMISSION_SETS,
    *ACCOUNTS,
    *ACCESS_MANAGER,
)
