"""Look into every account of an organisation, through a role in each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from identity_reconciler.errors import UsageError

if TYPE_CHECKING:
    import boto3

    from identity_reconciler.audit.inspection import Inspection
    from identity_reconciler.audit.question import Question
    from identity_reconciler.cli.auditing import Terms

_UNPACED = 100_000.0
"""Requests a second: the sandbox has no quota to respect."""


def whole_organization(question: Question, terms: Terms) -> tuple[Inspection, str]:
    """Return what every account has to show for *question*, and what it was made from.

    With `--resume` everything is read, so that the file answers every other question too.

    Raises:
        GatewayError: The accounts could not be listed.
        UsageError: There is no Region to begin in, or the file of `--resume` does not fit.
    """
    from identity_reconciler.audit.collection import Collection, collect, with_declared
    from identity_reconciler.audit.memory import About, AccountFile
    from identity_reconciler.audit.question import EVERYTHING
    from identity_reconciler.cli.loading import load_all
    from identity_reconciler.cli.progress import progress
    from identity_reconciler.gateway.organization import Organization, Reach
    from identity_reconciler.gateway.pacing import Rates

    role, regions = terms.role or "", tuple(terms.region or ())
    collection = Collection(question.wanted)
    if terms.resume is not None:
        collection = Collection(EVERYTHING, AccountFile(terms.resume, About(role, regions)))
    known = len(collection.memory.visits())
    declared = load_all(terms.directory) if terms.directory.is_dir() else []
    with _session(terms) as session:
        begin = next(iter(regions), session.region_name)
        if begin is None:
            raise UsageError("there is no Region to begin in; set AWS_REGION or give --region")
        rates = Rates(sso_admin=_UNPACED, identity_store=_UNPACED) if terms.sandbox else None
        organization = Organization(session, Reach(role, begin, regions, terms.endpoint_url, rates))
        with progress("looking into the accounts", lambda: organization.requests):
            inspection = collect(organization, collection)
    by_arn = {one.settings.instance.instance_arn: one for one in declared}
    basis = f"live state of {len(inspection.visits)} accounts"
    if known:
        basis += f", {known} of them as kept in {terms.resume}"
    return with_declared(inspection, by_arn), basis


@contextmanager
def _session(terms: Terms) -> Iterator[boto3.Session]:
    """Yield the session that lists the accounts: the default one, or that of the sandbox."""
    if not terms.sandbox:
        from identity_reconciler.gateway.clients import make_session

        yield make_session()
        return
    from identity_reconciler.cli.connection import SANDBOX_FILE
    from identity_reconciler.cli.output import note

    try:
        from identity_reconciler.sandbox import Sandbox
    except ModuleNotFoundError as error:
        raise UsageError(
            f"the sandbox needs the package {error.name}; "
            "install it with: pip install 'identity-reconciler[sandbox]'"
        ) from error
    with Sandbox(SANDBOX_FILE) as sandbox:
        note(f"using the sandbox in {SANDBOX_FILE}, not AWS")
        yield sandbox.session()
