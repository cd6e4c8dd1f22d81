"""The AWS CLI gets an answer to every operation that the served sandbox has.

It goes by the models of the botocore that is installed here: those of the CLI may be older.
Part of the long programme, for each call starts an interpreter:

    pytest -m slow tests/sandbox/test_aws_cli.py
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import botocore
import pytest
from botocore import xform_name

from identity_reconciler.sandbox.server import SandboxServer, exports
from tests.command import environment
from tests.sandbox.test_model import SUCCESSES, Town, described, filled, service_of, town

__all__ = ["town"]

AWS = shutil.which("aws")


@pytest.mark.slow
@pytest.mark.skipif(AWS is None, reason="the AWS CLI is not installed")
class TestEveryOperation:
    """What is asked with the CLI is answered, and shown."""

    @pytest.mark.parametrize("operation", SUCCESSES)
    def test_of(self, town: Town, operation: str) -> None:
        assert AWS is not None
        model = described(operation)
        given = ["--cli-input-json", json.dumps(filled(town, SUCCESSES[operation]))]
        with SandboxServer(town.sandbox) as server, server.running():
            done = subprocess.run(
                [
                    AWS,
                    *("--output", "json"),
                    service_of(operation),
                    xform_name(model.name, "-"),
                    *(given if model.input_shape else ()),
                ],
                env=environment(
                    **exports(server.url, "123456789012", "us-east-1"),
                    AWS_PAGER="",
                    AWS_DATA_PATH=str(Path(botocore.__file__).with_name("data")),
                ),
                capture_output=True,
                text=True,
                check=False,
            )
        assert done.returncode == 0, done.stderr
        if model.output_shape and model.output_shape.members:
            assert json.loads(done.stdout)
