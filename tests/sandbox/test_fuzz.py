"""Whatever is sent, the answer is one of the service's: never a failure of ours."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from identity_reconciler.sandbox.store import Store
from identity_reconciler.sandbox.world import World
from tests.sandbox.fuzz import Fuzzer, Outcome, furnished, main, told
from tests.sandbox.test_model import SUCCESSES, Params, Town, described, filled, town

__all__ = ["town"]

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(
        [
            "arn:aws:identitystore:::user/00000000-0000-4000-8000-000000000000",
            "00000000-0000-4000-8000-000000000000",
            "d-1234567890",
            "displayName",
            "aws:identitystore:enterprise",
            "x" * 1025,
        ]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:  # noqa: ANN401 - JSON
    """Return the paths of all values inside *value*."""
    if isinstance(value, dict):
        items: list[tuple[Any, Any]] = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    else:
        return [path]
    return [path, *(found for key, one in items for found in places(one, (*path, key)))]


def input_of(operation: str) -> Any:  # noqa: ANN401 - a shape, or None
    """Return the shape of an operation's request."""
    return described(operation).input_shape


def with_value(params: Any, path: tuple[Any, ...], value: object) -> Any:  # noqa: ANN401 - JSON
    """Return *params* with *value* at *path*."""
    if not path:
        return value
    copy = dict(params) if isinstance(params, dict) else list(params)
    copy[path[0]] = with_value(copy[path[0]], path[1:], value)
    return copy


class TestAnything:
    """One member of a good request replaced by anything is answered, and from the model."""

    @pytest.mark.parametrize("operation", [one for one in SUCCESSES if input_of(one)])
    @settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(data=st.data())
    def test_one_member(self, town: Town, operation: str, data: st.DataObject) -> None:
        params: Params = filled(town, SUCCESSES[operation])
        for name in input_of(operation).members:
            params.setdefault(name, None)
        path = data.draw(st.sampled_from([one for one in places(params) if one]))
        sent = with_value(params, path, data.draw(JSON))
        status, answer = town.call(operation, sent)
        assert status < 500, (sent, answer)


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    return Fuzzer().run(5000, seed=0)


class TestFuzzer:
    """Requests made from the model are answered from the model, in any order and from anyone."""

    def test_nothing_is_at_fault(self, outcome: Outcome) -> None:
        assert [sent for _, sent in outcome.faulty] == []

    def test_most_operations_succeed_sometimes(self, outcome: Outcome) -> None:
        succeeded = {operation for operation, answer in outcome.counts if answer == "ok"}
        assert len(succeeded & set(SUCCESSES)) > len(SUCCESSES) * 3 / 4

    def test_every_kind_of_answer_is_met(self, outcome: Outcome) -> None:
        met = {answer for _, answer in outcome.counts}
        assert met > {"AccessDeniedException", "ConflictException", "ResourceNotFoundException"}

    def test_the_same_seed_sends_the_same(self) -> None:
        first, second = (Fuzzer().run(300, seed=5).counts for _ in range(2))
        assert first == second

    def test_a_fault_is_found_and_told(self) -> None:
        odd = World(Store(None), new_uuid=lambda: "not-an-id")
        outcome = Fuzzer("CreateGroup", lambda: furnished(odd)).run(50, seed=0)
        assert outcome.faulty
        assert "CreateGroup from (" in told(outcome)
        assert "GroupId" in told(outcome)

    def test_the_command(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["--requests", "20", "--operation", "ListInstances"]) == 0
        assert "20 requests, 0 answers at fault" in capsys.readouterr().out
        with pytest.raises(SystemExit):
            main(["--operation", "Fly"])
