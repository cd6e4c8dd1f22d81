"""Complete lists, page by page: no page missing, none twice, no end in a circle."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import ceil
from typing import TYPE_CHECKING, Any

from botocore import xform_name
from botocore.exceptions import ClientError

from identity_reconciler.errors import IncompleteReadError
from identity_reconciler.gateway.wire.errors import Call, code_of

if TYPE_CHECKING:
    from botocore.client import BaseClient

Item = dict[str, Any]
"""One entry of a list, as AWS writes it."""

PAGE_SIZE = 100
"""The most that any list takes; ListApplications answers with 50 all the same. Source: models."""
_REFUSED_TOKEN = frozenset({"ValidationException", "InvalidToken"})
"""Codes for a page token that no longer holds. Nothing documents how long one does."""


def page_count(items: int, size: int = PAGE_SIZE) -> int:
    """Return how many requests a list of *items* takes; an empty one takes one as well."""
    return max(1, ceil(items / size))


def never() -> bool:
    """Answer that there is no reason to stop."""
    return False


def pages(
    client: BaseClient, call: Call, request: dict[str, Any], stopped: Callable[[], bool] = never
) -> Iterator[list[Item]]:
    """Yield every page of the list *call* of *client*; end early once *stopped* answers true.

    Pages may repeat items: a change between two pages can move them, and a list whose page token
    is refused is begun again, once.

    Errors of the service are not translated: that is for the caller, who also reads the items.

    Raises:
        IncompleteReadError: The pages go round in a circle, or one holds no list.
    """
    try:
        yield from _pages(client, call, request, stopped)
    except _RefusedTokenError:
        yield from _pages(client, call, request, stopped)


class _RefusedTokenError(ClientError):
    """A page after the first was refused, which can only be for its token."""


def _pages(
    client: BaseClient, call: Call, request: dict[str, Any], stopped: Callable[[], bool]
) -> Iterator[list[Item]]:
    seen: set[str] = set()
    paginator = client.get_paginator(xform_name(call.operation))
    try:
        for page in paginator.paginate(**request, PaginationConfig={"PageSize": PAGE_SIZE}):
            token = page.get("NextToken") or page.get("nextToken")
            if token in seen:
                raise IncompleteReadError(f"{call}: AWS repeats the same pages; run again")
            yield _items(client, call, page)
            if stopped():
                return
            if token:
                seen.add(token)
    except ClientError as error:
        if seen and code_of(error) in _REFUSED_TOKEN:
            raise _RefusedTokenError(error.response, error.operation_name) from error
        raise


def _items(client: BaseClient, call: Call, page: dict[str, Any]) -> list[Item]:
    """Return the one list in *page*; a missing one is empty only where the model lets it be."""
    shape = client.meta.service_model.operation_model(call.operation).output_shape
    members = shape.members if shape else {}
    member = next(name for name, kind in members.items() if kind.type_name == "list")
    if shape and member in shape.required_members and member not in page:
        raise IncompleteReadError(f"{call}: AWS answered without {member}; run again")
    found: list[Item] = page.get(member, [])
    return found
