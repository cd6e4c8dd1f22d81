"""The whole of it: ask the sandbox, ask the other place, set the switches and ask again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from identity_reconciler.probing.asking import PREFIX, ProbedInstance, Surroundings
from identity_reconciler.probing.bench import Bench
from identity_reconciler.probing.comparison import AnswersCompared, alone, compared, switches_of
from identity_reconciler.probing.ledger import Leftover
from identity_reconciler.probing.probe import Probe
from identity_reconciler.probing.probes import PROBES
from identity_reconciler.probing.run import ask_all
from identity_reconciler.probing.sites import sandbox_site
from identity_reconciler.probing.sweep import KINDS, clean
from identity_reconciler.sandbox import Sandbox
from identity_reconciler.sandbox.assuming import assumptions_of, document_of
from identity_reconciler.sandbox.assumptions import Assumptions


@dataclass(frozen=True, slots=True)
class Study:
    """What was found, and what is left of it where it was made."""

    comparison: AnswersCompared
    leftovers: tuple[Leftover, ...] = ()


@dataclass(frozen=True, slots=True)
class Studying:
    """How a study is carried out."""

    run: str
    """Six characters that tell this run from all others."""
    surroundings: Surroundings
    tell: Callable[[str], object]
    probes: tuple[Probe, ...] = PROBES

    def of_sandbox(self, assumptions: Assumptions) -> Study:
        """Return what a sandbox with *assumptions* answers."""
        with Sandbox.assuming(assumptions) as sandbox:
            found = ask_all(self._bench(sandbox_site(sandbox)), self.probes, self.tell)
        return Study(alone(self.probes, found), found.leftovers)

    def against(self, site: ProbedInstance, assumptions: Assumptions) -> Study:
        """Return what *site* answers, beside a sandbox with *assumptions*."""
        other = ask_all(self._bench(site), self.probes, self.tell)
        asked = tuple(probe for probe in self.probes if probe.name in other.answers)
        set_there = {**document_of(assumptions), **switches_of(asked, other)}
        with Sandbox.assuming(assumptions) as sandbox:
            ours = ask_all(self._quiet_bench(sandbox), asked, _silent)
        with Sandbox.assuming(assumptions_of(set_there)) as sandbox:
            flipped = ask_all(self._quiet_bench(sandbox), asked, _silent)
        return Study(compared(self.probes, ours, other, flipped), other.leftovers)

    def clean_up(self, site: ProbedInstance) -> tuple[Leftover, ...]:
        """Remove what any run has left at *site*; tell, and return, what cannot be removed."""
        left = clean(self._bench(site), PREFIX, KINDS)
        for leftover in left:
            self.tell(f"could not be removed: {leftover}")
        return left

    def _bench(self, site: ProbedInstance) -> Bench:
        return Bench(site, self.run, self.surroundings)

    def _quiet_bench(self, sandbox: Sandbox) -> Bench:
        """Return a bench in a sandbox, which is quick and thrown away: nothing stops it."""
        surroundings = Surroundings(sleep=lambda _: None, stopped=lambda: False)
        return Bench(sandbox_site(sandbox), self.run, surroundings)


def _silent(_: str) -> None:
    """Tell nobody what is left in a sandbox that is thrown away."""
