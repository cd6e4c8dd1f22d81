"""Whether memberships are read by group or by user: whichever cannot take more requests."""

from __future__ import annotations

import threading
from collections.abc import Callable

from identity_reconciler.core.state import Group
from identity_reconciler.gateway.reading.listing import PAGE_SIZE, page_count
from identity_reconciler.gateway.reading.records import Record

_WORTHWHILE = 20
"""Requests to be saved: less than a second of the quota does not pay for the wait."""


def reads_by_user(users: int, groups: int, chosen: int) -> bool:
    """Return whether the members of *chosen* of *groups* are read by asking all *users*.

    By group there are at least as many requests as chosen groups; by user at most the users times
    the pages that all groups fill.
    """
    return users < PAGE_SIZE and users * page_count(groups) + _WORTHWHILE <= chosen


class Sides:
    """Starts one list per chosen group, or one per user of a directory that has few of them.

    The lists of all users hold every membership, so both ways are exact. Only with fewer than a
    hundred users is asking them worthwhile, so the groups wait for no more than the first page of
    users, and for their own list only if that is the last.
    """

    def __init__(
        self,
        by_group: Callable[[Record[Group]], None],
        by_user: Callable[[list[Record[Group]]], None],
    ) -> None:
        self._by_group = by_group
        self._by_user = by_user
        self._lock = threading.Lock()
        self._chosen: list[Record[Group]] = []
        self._decided = False
        self._users: int | None = None
        self._groups: int | None = None

    def choose(self, group: Record[Group]) -> None:
        """Have the members of *group* read."""
        with self._lock:
            if not self._decided:
                self._chosen.append(group)
                return
        self._by_group(group)

    def users_seen(self, number: int, *, complete: bool) -> None:
        """Take in that there are *number* users, or more where the list is not *complete*."""
        if complete:
            with self._lock:
                self._users = number
            self._judge()
        elif number == PAGE_SIZE:
            self._decide(by_user=False)

    def groups_seen(self, number: int) -> None:
        """Take in that there are *number* groups, and that all that are chosen are known."""
        with self._lock:
            self._groups = number
        self._judge()

    def _judge(self) -> None:
        with self._lock:
            users, groups, chosen = self._users, self._groups, len(self._chosen)
        if users is not None and users >= PAGE_SIZE:
            self._decide(by_user=False)
        elif users is not None and groups is not None:
            self._decide(by_user=reads_by_user(users, groups, chosen))

    def _decide(self, *, by_user: bool) -> None:
        with self._lock:
            if self._decided:
                return
            self._decided = True
            waiting, self._chosen = self._chosen, []
        if by_user:
            self._by_user(waiting)
            return
        for group in waiting:
            self._by_group(group)
