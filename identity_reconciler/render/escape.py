"""Make untrusted values safe to show: a display name can be chosen by its owner.

A value stays on its line and cannot steer a terminal, whatever characters it holds. No line can
be a command to the runner of a CI job, which reads what a job prints.
"""

from __future__ import annotations

from identity_reconciler.core.wording import visible


def safe(text: str) -> str:
    r"""Return *text* with everything invisible or steering as `\u{..}`; plain spaces stay."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(visible, text))


def quoted(text: str) -> str:
    """Return *text* made safe and between double quotes, with those inside escaped."""
    inner = safe(text).replace("\\", "\\\\") if "\\" in text else safe(text)
    return '"' + inner.replace('"', '\\"') + '"'


def safe_lines(text: str) -> str:
    """Return *text* with each of its lines made safe, also for the log of a CI job."""
    return "\n".join(_inert(safe(line)) for line in text.split("\n"))


def _inert(line: str) -> str:
    r"""Return *line* so that a runner sees no command: `##[` anywhere, or `::` at the start."""
    if "##[" in line:
        line = line.replace("##[", "##\\u{5b}")
    start = len(line) - len(line.lstrip())
    if line.startswith("::", start):
        line = f"{line[:start]}\\u{{3a}}{line[start + 1 :]}"
    return line
