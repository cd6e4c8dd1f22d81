"""The state machine of an audit of 2,000 accounts, killed in the middle and redriven.

    python -m tests.benchmarks.audit_steps [ACCOUNTS]

One account in twenty is in trouble. Its reports are compared with those of one process. It takes
some minutes.
"""

from __future__ import annotations

import json
import os
import sys
import time

from identity_reconciler.audit.aws_lambda import QUESTIONS
from identity_reconciler.audit.formats.files import FileFormat
from identity_reconciler.sandbox import Sandbox
from tests.sandbox.steps_world import (
    Audit,
    at_once,
    bodies,
    fill,
    named_gaps,
    reports_bucket,
    session_of,
    times_asked,
    trouble_of,
)
from tests.state_machine import KilledError


def main() -> int:
    """Print what was seen; return 1 when anything is not as it should be."""
    accounts = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000
    os.environ |= {"AWS_EC2_METADATA_DISABLED": "true"}
    began, worked = time.monotonic(), time.process_time()
    with Sandbox() as sandbox, reports_bucket() as bucket:
        fill(sandbox, accounts)
        print(f"filled after {time.monotonic() - began:.0f} s")
        audit = Audit(session_of(sandbox), bucket, (FileFormat.CSV,))
        audit.kill_after(accounts // 2)
        try:
            audit.execution.drive()
        except KilledError:
            print(f"killed after {time.monotonic() - began:.0f} s, {audit.calls}")
        output = audit.redriven()
        print(f"redriven after {time.monotonic() - began:.0f} s, {audit.calls}")
        asked = times_asked(sandbox)
        whole = at_once(session_of(sandbox), bucket)
        parts = bodies(bucket, "audit/2026-03-01/")
    print(json.dumps(output, indent=1))
    same = {name: whole[name] == parts.get(name) for name in whole}
    twice = [number for number in range(accounts) if not trouble_of(number) and asked[number] > 1]
    gaps = named_gaps(parts["instances.csv"].decode())
    missed = {number for number in range(accounts) if trouble_of(number)} ^ gaps
    print(f"same reports: {same}; asked twice: {twice}; gaps named wrongly: {sorted(missed)}")
    print(f"{time.monotonic() - began:.0f} s, {time.process_time() - worked:.0f} CPU s")
    return int(not all(same.values()) or bool(twice or missed) or len(same) != len(QUESTIONS))


if __name__ == "__main__":
    sys.exit(main())
