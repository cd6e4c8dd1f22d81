"""The pytest plugin, from a project that is not ours: a real pytest process in a directory."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.command import environment
from tests.documents import guide

CONFIGURATION = "[pytest]\nfilterwarnings = error\naddopts = -p no:cacheprovider\nstrict = true\n"

IN_PROCESS = """
import boto3, pytest

@pytest.mark.parametrize("run", range(3))
def test_nobody_is_there_yet(identity_center, run):
    users = identity_center.session().client("identitystore")
    assert users.list_groups(IdentityStoreId="d-1234567890")["Groups"] == []
    users.create_group(IdentityStoreId="d-1234567890", DisplayName="data")
    assert identity_center.requests.writes == 1
    assert len(identity_center.summary().instances[0].applications) > 5
"""

SERVED = """
import os, subprocess, sys, threading, time
import boto3, pytest

SCRIPT = '''
import boto3
store = boto3.client("sso-admin").list_instances()["Instances"][0]["IdentityStoreId"]
boto3.client("identitystore").create_group(IdentityStoreId=store, DisplayName="data")
assert boto3.client("account-access").list_applications()["applications"] == []
print(boto3.client("sts").get_caller_identity()["Account"])
'''
ended = []


def run_script(environment):
    done = subprocess.run([sys.executable, "-c", SCRIPT], env=environment, text=True,
                          stdout=subprocess.PIPE, check=True)
    return done.stdout.strip()


def test_another_process(identity_center, identity_center_server):
    assert identity_center_server.sandbox is identity_center
    assert run_script({**os.environ, **identity_center_server.environment}) == "123456789012"
    assert identity_center.summary().instances[0].groups == 1


def test_before(monkeypatch):
    # What boto3 keeps of this one does not reach the tests after it.
    assert "AWS_ENDPOINT_URL_STS" not in os.environ
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIASBOX999999999999")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    boto3.client("sts", region_name="us-east-1").close()


MISLEADING = {
    "AWS_PROFILE": "nobody", "AWS_ACCESS_KEY_ID": "AKIASBOX999999999999",
    "AWS_SESSION_TOKEN": "x", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
    "AWS_USE_FIPS_ENDPOINT": "true", "AWS_USE_DUALSTACK_ENDPOINT": "true",
    "AWS_ENDPOINT_URL_STS": "http://127.0.0.1:9", "AWS_REGION": "eu-west-3",
    "HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9",
    "NO_PROXY": "example.com", "no_proxy": "",
}


@pytest.fixture
def misled(monkeypatch, tmp_path):
    configured = tmp_path / "config"
    configured.write_text("[default]\\nignore_configured_endpoint_urls = true\\n"
                          "services = mine\\nregion = eu-west-3\\n"
                          "[services mine]\\nsts =\\n  endpoint_url = http://127.0.0.1:9\\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(configured))
    for name, value in MISLEADING.items():
        monkeypatch.setenv(name, value)


def test_without_an_argument(misled, identity_center_environment):
    assert os.environ["NO_PROXY"] == "example.com,127.0.0.1"
    client = boto3.client("sts")
    assert client.get_caller_identity()["Account"] == "123456789012"
    assert client.meta.region_name == "us-east-1"
    assert run_script(os.environ) == "123456789012"
    assert identity_center_environment.sandbox.requests.counts["sts", "GetCallerIdentity"] == 2
    client.close()


def test_other_values(monkeypatch, identity_center_environment):
    monkeypatch.setenv("AWS_REGION", "eu-west-3")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")


def test_nothing_is_left():
    assert [name for name in MISLEADING if name in os.environ] == []


def test_end(identity_center_environment):
    global client
    client = boto3.client("sts")
    client.get_caller_identity()
    ended.append(time.monotonic())


def test_was_at_once(identity_center_server):
    # Though the client of the test before has kept its connection open.
    assert time.monotonic() - ended.pop() < 0.3
    assert [one.name for one in threading.enumerate() if "process_request" in one.name] == []
    assert "AWS_ENDPOINT_URL_STS" not in os.environ
    client.close()
"""

UNUSED = """
import sys

def test_it_imports_itself_alone():
    prefixes = ("identity_reconciler", "boto", "moto", "urllib3", "yaml", "ruamel", "sqlite3")
    assert sorted(name for name in sys.modules if name.startswith(prefixes)) == [
        "identity_reconciler",
        "identity_reconciler.sandbox",
        "identity_reconciler.sandbox.pytest_plugin",
    ]

def test_without_the_extra(monkeypatch, request):
    monkeypatch.setitem(sys.modules, "moto", None)
    request.getfixturevalue("identity_center")

def test_package():
    import identity_reconciler.sandbox as package
    assert package.InstanceDetails().region == "us-east-1"
    assert not hasattr(package, "Nothing")
"""


@dataclass(frozen=True)
class Project:
    """A project with tests of its own, and nothing of ours but the installed distribution."""

    directory: Path

    def add(self, name: str, text: str) -> None:
        """Add a file of tests."""
        (self.directory / name).write_text(text)

    def run(self, *arguments: str) -> tuple[dict[str, int], str]:
        """Run its tests; return how many ended how, and what was printed."""
        self.add("pytest.ini", CONFIGURATION)
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *arguments],
            cwd=self.directory,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        counts = re.findall(r"(\d+) ([a-z]+)", done.stdout.splitlines()[-1])
        return {how: int(number) for number, how in counts}, done.stdout + done.stderr


class TestFixtures:
    """A project that has the sandbox installed has the fixtures, and nothing to set up."""

    def test_each_test_has_its_own(self, tmp_path: Path) -> None:
        project = Project(tmp_path)
        project.add("test_in_process.py", IN_PROCESS)
        project.add("test_served.py", SERVED)
        (shown,) = guide("sandbox").code("python")
        project.add("test_guide.py", shown)
        counts, printed = project.run()
        assert counts == {"passed": 11}, printed


class TestCost:
    """A project that does not use the fixtures pays nothing for them."""

    def test_imports(self, tmp_path: Path) -> None:
        project = Project(tmp_path)
        project.add("test_unused.py", UNUSED)
        counts, printed = project.run()
        assert counts == {"passed": 2, "failed": 1}, printed
        assert "needs the package moto" in printed
        assert "pip install 'identity-reconciler[sandbox]'" in printed
