"""Read the option `--rate`: how many requests a second AWS may be asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from identity_reconciler.errors import UsageError

if TYPE_CHECKING:
    from identity_reconciler.gateway.pacing import Rates

_FIELDS = {"sso-admin": "sso_admin", "identitystore": "identity_store"}


def parse_rates(text: str | None) -> Rates | None:
    """Return the rates that *text* gives; the documented one where it gives none.

    Returns:
        None where there is no *text*.

    Raises:
        UsageError: It is neither a number nor a list of services and numbers.
    """
    from identity_reconciler.gateway.pacing import Rates

    if text is None:
        return None
    if "=" not in text:
        return Rates(_number(text, text), _number(text, text))
    given: dict[str, float] = {}
    for part in text.split(","):
        service, _, number = part.partition("=")
        if service.strip() not in _FIELDS:
            raise _wrong(text)
        given[_FIELDS[service.strip()]] = _number(number, text)
    return Rates(**given)


def _number(text: str, whole: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise _wrong(whole) from None
    # Below one request in two seconds a run would seem to hang; infinity would not pace at all.
    if not 0.5 <= number <= 10_000:  # noqa: PLR2004 - named by the comment
        raise _wrong(whole)
    return number


def _wrong(text: str) -> UsageError:
    return UsageError(
        f"--rate {text}: expected requests a second from 0.5 to 10000, for both quotas (20) or by "
        "service (identitystore=40,sso-admin=10)"
    )
