"""`sandbox compare`: does AWS, or another stand-in, answer as the sandbox does?"""

from __future__ import annotations

import secrets
import signal
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from identity_reconciler.cli.connection import require_sandbox
from identity_reconciler.cli.options import EndpointUrl, ProfileName, RateOption, parse_rates
from identity_reconciler.cli.output import note, progress, write_out
from identity_reconciler.cli.sandbox import Format, OutputFormat
from identity_reconciler.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from identity_reconciler.gateway.wire.pacing import Rates
    from identity_reconciler.probing.asking import ProbedInstance
    from identity_reconciler.probing.probe import Probe
    from identity_reconciler.probing.sites import Address
    from identity_reconciler.probing.study import Study, Studying
    from identity_reconciler.sandbox.assumptions import Assumptions

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def compare(
    aws: Annotated[
        Path | None,
        typer.Option(
            "--aws",
            metavar="DIR",
            help="Ask the scratch instance that instance.yaml in this directory names.",
        ),
    ] = None,
    endpoint_url: EndpointUrl = None,
    profile: ProfileName = None,
    confirm: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="The instance's name in instance.yaml, instead of typing it."
        ),
    ] = None,
    clean_up: Annotated[
        bool,
        typer.Option("--clean-up", help="Only remove what runs that were killed have left there."),
    ] = False,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Ask this question alone, by its name; repeatable."),
    ] = None,
    assuming: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Compare with a sandbox that assumes what FILE says."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the answers, and the switches they set."),
    ] = None,
    rate: RateOption = None,
    output_format: OutputFormat = Format.TEXT,
) -> int:
    """Ask AWS what it does where nothing is documented, and compare it with the sandbox.

    Makes users, groups, applications, permission sets and assignments called idrec-probe-..., and
    removes all of them, also after Ctrl-C. Only ever in an instance that nobody uses.
    """
    require_sandbox()
    from identity_reconciler.sandbox.assuming import read_assumptions
    from identity_reconciler.sandbox.assumptions import Assumptions

    probes = _chosen(only or ())
    assumed = read_assumptions(assuming) if assuming else Assumptions()
    target = _Target(aws, endpoint_url, confirm, parse_rates(rate), profile)
    if clean_up and aws is None and endpoint_url is None:
        raise UsageError("--clean-up needs --aws DIR or --endpoint-url URL: where to clean up")
    site = target.open()
    with _heeding_signals() as heeded:
        if clean_up and site is not None:
            return _clean_up(site, heeded)
        study = _studied(site, assumed, heeded.studying(probes))
    _tell(study, output_format, out)
    if heeded.signal is not None:
        return 128 + heeded.signal
    return ExitCode.PARTIAL_APPLY if study.leftovers else ExitCode.SUCCESS


class _Heeded:
    """The signal that asked us to stop, if one did."""

    def __init__(self) -> None:
        self.signal: int | None = None

    def take(self, number: int, _frame: FrameType | None) -> None:
        self.signal = number

    def studying(self, probes: tuple[Probe, ...] = ()) -> Studying:
        """Return a study that asks *probes* and stops when a signal says so."""
        from identity_reconciler.probing.asking import Surroundings
        from identity_reconciler.probing.study import Studying

        # The removal waits for what lags as long after a signal as without one.
        surroundings = Surroundings(time.sleep, lambda: self.signal is not None)
        return Studying(secrets.token_hex(3), surroundings, note, probes)


def _chosen(only: Collection[str]) -> tuple[Probe, ...]:
    """Return the probes of these names, or all.

    Raises:
        UsageError: There is none of a name.
    """
    from identity_reconciler.probing.probes import PROBES

    names = {probe.name for probe in PROBES}
    unknown = sorted(set(only) - names)
    if unknown:
        raise UsageError(
            f"--only {unknown[0]}: there is no such question; `sandbox compare --format json` has "
            "their names"
        )
    return tuple(probe for probe in PROBES if not only or probe.name in only)


@contextmanager
def _heeding_signals() -> Iterator[_Heeded]:
    """Let SIGINT and SIGTERM end the questions after the request in flight, not the removal."""
    heeded = _Heeded()
    signals = (signal.SIGINT, signal.SIGTERM)
    previous = {number: signal.signal(number, heeded.take) for number in signals}
    try:
        yield heeded
    finally:
        for number, action in previous.items():
            signal.signal(number, action)


class _Target:
    """The place that is asked beside the sandbox, if one is."""

    def __init__(
        self,
        aws: Path | None,
        endpoint_url: str | None,
        confirm: str | None,
        rates: Rates | None,
        profile: str | None,
    ) -> None:
        self._aws = aws
        self._endpoint_url = endpoint_url
        self._confirm = confirm
        self._rates = rates
        self._profile = profile

    def open(self) -> ProbedInstance | None:
        """Return the instance to ask, confirmed and known to be a scratch instance.

        Raises:
            UsageError: It is not confirmed, or other people use it.
            WrongInstanceError: The credentials lead elsewhere.
            GatewayError: It could not be asked.
        """
        from identity_reconciler.probing.sites import require_scratch, site_at

        address = self._address()
        if address is None:
            return None
        site = site_at(address)
        counted = require_scratch(site)
        if self._aws is not None or not self._is_loopback():
            self._require_confirmation(address, counted)
        return site

    def _address(self) -> Address | None:
        from identity_reconciler.probing.sites import declared_address, found_address

        if self._aws is not None:
            from identity_reconciler.cli.loading import load_one

            instance = load_one(self._aws).settings.instance
            return declared_address(instance, self._endpoint_url, self._rates, self._profile)
        if self._endpoint_url is not None:
            return found_address(self._endpoint_url, self._rates, self._profile)
        return None

    def _is_loopback(self) -> bool:
        return urlsplit(self._endpoint_url or "").hostname in _LOOPBACK

    def _require_confirmation(self, address: Address, counted: str) -> None:
        note(
            f"{address.instance_arn} of account {address.account} in {address.region} has "
            f"{counted}.",
            "Users, groups, applications, permission sets and assignments called idrec-probe-... "
            "will be made there and removed.",
            "Groups will be given a permission set without permissions in the account itself.",
        )
        if self._confirm is None:
            answer: str = typer.prompt(
                "Type the name of the instance to go on", default="", show_default=False, err=True
            )
        else:
            answer = self._confirm
        if answer.strip() != address.name:
            raise UsageError(
                f"not confirmed: expected the name of the instance, {address.name}; "
                "nothing was made"
            )


def _studied(site: ProbedInstance | None, assumed: Assumptions, studying: Studying) -> Study:
    if site is None:
        return studying.of_sandbox(assumed)
    with progress(f"asking {site.name}", lambda: site.requests.total):
        return studying.against(site, assumed)


def _clean_up(site: ProbedInstance, heeded: _Heeded) -> int:
    with progress(f"cleaning up {site.name}", lambda: site.requests.total):
        left = heeded.studying().clean_up(site)
    if left:
        return ExitCode.PARTIAL_APPLY
    note("nothing called idrec-probe-... is left")
    return ExitCode.SUCCESS


def _tell(study: Study, output_format: Format, out: Path | None) -> None:
    import json

    from identity_reconciler.probing.report import document, table

    as_json = json.dumps(document(study.comparison), indent=2) + "\n"
    if out is not None and write_out(out, as_json.encode()):
        return
    typer.echo(as_json if output_format is Format.JSON else table(study.comparison), nl=False)
