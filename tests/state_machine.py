"""Runs a state machine of AWS Step Functions as a template has it, kills it, and redrives it.

It reads the definition, and knows what of the States language that uses: tasks that invoke
functions, Map states over an array and over an object of S3, paths, retries, tolerated failures.
Whatever else a state says is refused, and so is what is no JSON or too large to be handed on.
moto's interpreter neither counts tolerated failures nor redrives.

Sources: Step Functions developer guide, "Amazon States Language", "Map state processing modes",
"Redriving executions", "Service quotas".
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MOST_BYTES = 262_144
"""Of the input or output of a task, state or execution."""
_RETRY_FIELDS = {
    "ErrorEquals", "IntervalSeconds", "BackoffRate", "MaxAttempts", "MaxDelaySeconds",
    "JitterStrategy",
}  # fmt: skip
_COMMON = {"Type", "Comment", "Next", "End"}
_TASK = _COMMON | {"Resource", "Parameters", "OutputPath", "Retry"}
_MAP = _COMMON | {"ItemProcessor", "ItemSelector", "ResultPath"}
_INLINE = _MAP | {"ItemsPath", "MaxConcurrency"}
_DISTRIBUTED = _MAP | {
    "Label", "ItemReader", "MaxConcurrencyPath", "ToleratedFailurePercentagePath", "ResultWriter"
}  # fmt: skip
_INVOKE = "arn:aws:states:::lambda:invoke"
_Json = Any


class _Tags(yaml.SafeLoader):  # type: ignore[misc]  # It ships no types.
    """Reads CloudFormation's short functions: of an attribute the resource, of text the text."""


def _construct(loader: yaml.SafeLoader, tag: str, node: yaml.Node) -> str:
    text = str(loader.construct_scalar(node))
    if tag == "GetAtt":
        return text.removesuffix(".Arn")
    return text.replace("${AWS::Partition}", "aws")


_Tags.add_multi_constructor("!", _construct)


def definition(template: Path, resource: str) -> dict[str, _Json]:
    """Return the definition of a state machine in a template; functions by their resources."""
    read = yaml.load(template.read_text(), _Tags)  # noqa: S506
    found: dict[str, _Json] = read["Resources"][resource]["Properties"]["Definition"]
    return found


class KilledError(BaseException):
    """The execution is stopped at once: what runs is aborted, and nothing new begins."""


class FailedError(Exception):
    """The execution has failed."""


class StateError(Exception):
    """A state ended in an error, by its name."""

    def __init__(self, name: str, cause: str) -> None:
        super().__init__(f"{name}: {cause}")
        self.name = name


class Execution:
    """One execution, and all that Step Functions remembers of it."""

    def __init__(
        self,
        machine: Mapping[str, _Json],
        functions: Mapping[str, Callable[[_Json], _Json]],
        bucket: S3Client,
        *,
        name: str,
        started: str,
    ) -> None:
        """Make one of *machine*, whose *functions* are called by the names of their resources."""
        self._machine = machine
        self._functions = functions
        self._bucket = bucket
        self._execution = {"Name": name, "StartTime": started}
        self._outputs: dict[tuple[str | int, ...], _Json] = {}
        self._lock = threading.Lock()
        self._stopped = False
        self.began: Counter[tuple[str | int, ...]] = Counter()
        """How often each state has begun, by its place: names, and numbers of items."""
        self.waits: list[float] = []
        """How long a retry would have waited, in seconds."""

    def drive(self) -> _Json:
        """Return the output: start, or redrive from where it stopped.

        Raises:
            FailedError: A state failed, for good.
            KilledError: It was stopped.
        """
        self._stopped = False
        try:
            return self._states((), self._machine, {})
        except StateError as error:
            raise FailedError(str(error)) from error

    def _states(
        self, place: tuple[str | int, ...], machine: Mapping[str, _Json], given: _Json
    ) -> _Json:
        unknown = machine.keys() - {"StartAt", "States", "Comment", "ProcessorConfig"}
        assert not unknown, unknown
        name, value = machine["StartAt"], given
        while True:
            state = machine["States"][name]
            here = (*place, name)
            if here not in self._outputs:
                self.began[here] += 1
                output = self._state(here, state, _handed_on(value))
                with self._lock:
                    if self._stopped:
                        # It was still under way, and counts as aborted.
                        raise KilledError
                    self._outputs[here] = _handed_on(output)
            value = self._outputs[here]
            assert ("Next" in state) != (state.get("End") is True), here
            if state.get("End"):
                return value
            name = state["Next"]

    def _state(
        self, place: tuple[str | int, ...], state: Mapping[str, _Json], given: _Json
    ) -> _Json:
        if state["Type"] == "Task":
            return self._task(place, state, given)
        assert state["Type"] == "Map", state["Type"]
        results = self._map(place, state, given)
        # With null the result is thrown away. Source: ResultPath.
        assert state.get("ResultPath", "$") in {"$", None}
        return given if state.get("ResultPath", "$") is None else results

    def _task(
        self, place: tuple[str | int, ...], state: Mapping[str, _Json], given: _Json
    ) -> _Json:
        assert state.keys() <= _TASK, state.keys() - _TASK
        assert state["Resource"] == _INVOKE
        tries: Counter[int] = Counter()
        while True:
            context = {
                "Execution": self._execution,
                "State": {"Name": place[-1], "RetryCount": tries.total()},
            }
            call = _filled(state["Parameters"], given, context)
            assert call.keys() == {"FunctionName", "Payload"}
            try:
                answer = self._functions[call["FunctionName"]](_handed_on(call["Payload"]))
                return _at(state.get("OutputPath", "$"), {"Payload": _handed_on(answer)}, context)
            except Exception as error:  # noqa: BLE001 - as Step Functions does
                self._retry(state, type(error).__name__, str(error), tries)

    def _retry(
        self, state: Mapping[str, _Json], name: str, cause: str, tries: Counter[int]
    ) -> None:
        for number, retrier in enumerate(state.get("Retry", ())):
            assert retrier.keys() <= _RETRY_FIELDS, retrier.keys() - _RETRY_FIELDS
            if not {name, "States.ALL", "States.TaskFailed"} & {*retrier["ErrorEquals"]}:
                continue
            if tries[number] >= retrier.get("MaxAttempts", 3):
                break
            wait = (
                retrier.get("IntervalSeconds", 1) * retrier.get("BackoffRate", 2) ** tries[number]
            )
            self.waits.append(min(wait, retrier.get("MaxDelaySeconds", wait)))
            tries[number] += 1
            return
        raise StateError(name, cause)

    def _map(self, place: tuple[str | int, ...], state: Mapping[str, _Json], given: _Json) -> _Json:
        context = {"Execution": self._execution}
        distributed = state["ItemProcessor"]["ProcessorConfig"]["Mode"] == "DISTRIBUTED"
        allowed = _DISTRIBUTED if distributed else _INLINE
        assert state.keys() <= allowed, state.keys() - allowed
        if distributed:
            items = self._read(state["ItemReader"], given, context)
            at_once = _at(state["MaxConcurrencyPath"], given, context)
            tolerated = _at(state["ToleratedFailurePercentagePath"], given, context)
            writer = _filled(state["ResultWriter"]["Parameters"], given, context)
            assert state["ResultWriter"].keys() == {"Resource", "Parameters"}
            assert writer.keys() == {"Bucket", "Prefix"}
        else:
            items, at_once = _at(state["ItemsPath"], given, context), state["MaxConcurrency"]
            tolerated, writer = 0, None
        assert isinstance(items, list)
        inputs = [
            _handed_on(
                _filled(state["ItemSelector"], given, context | {"Map": {"Item": {"Value": item}}})
            )
            for item in items
        ]
        outcomes = self._items(place, state["ItemProcessor"], inputs, at_once)
        failed = [one for one in outcomes if isinstance(one, StateError)]
        if len(failed) * 100 > tolerated * len(items):
            raise StateError("States.ExceedToleratedFailureThreshold", str(failed[0]))
        if writer is None:
            return outcomes
        self._bucket.put_object(
            Bucket=writer["Bucket"], Key=f"{writer['Prefix']}/manifest.json", Body=b"{}"
        )
        return {"ResultWriterDetails": writer}

    def _items(
        self,
        place: tuple[str | int, ...],
        processor: Mapping[str, _Json],
        inputs: list[_Json],
        at_once: int,
    ) -> list[_Json]:
        """Return the output of each, or the error; once killed, nothing else begins."""
        assert isinstance(at_once, int)

        def run(number: int) -> _Json:
            if self._stopped:
                return None
            try:
                return self._states((*place, number), processor, inputs[number])
            except StateError as error:
                return error
            except KilledError:
                with self._lock:
                    self._stopped = True
                return None

        # As many as this machine can run side by side are enough.
        with ThreadPoolExecutor(min(at_once, 8)) as pool:
            outcomes = [*pool.map(run, range(len(inputs)))]
        if self._stopped:
            raise KilledError
        return outcomes

    def _read(self, reader: Mapping[str, _Json], given: _Json, context: _Json) -> _Json:
        assert reader.keys() == {"Resource", "ReaderConfig", "Parameters"}
        assert reader["Resource"] == "arn:aws:states:::s3:getObject"
        assert reader["ReaderConfig"] == {"InputType": "JSON"}
        place = _filled(reader["Parameters"], given, context)
        assert place.keys() == {"Bucket", "Key"}
        return json.loads(self._bucket.get_object(**place)["Body"].read())


def _handed_on(value: _Json) -> _Json:
    """Return *value* as the next state gets it: it has been text in between."""
    text = json.dumps(value, allow_nan=False)
    assert len(text.encode()) <= MOST_BYTES, f"{len(text)} bytes"
    return json.loads(text)


def _at(path: str, given: _Json, context: _Json) -> _Json:
    """Return what is at *path*: names after `$.`, or after `$$.` in the context object."""
    root, *names = path.split(".")
    found = {"$": given, "$$": context}[root]
    for name in names:
        found = found[name]
    return found


def _filled(template: _Json, given: _Json, context: _Json) -> _Json:
    """Return *template* with what its names that end in `.$` are the paths of."""
    if not isinstance(template, dict):
        return template
    return {
        name.removesuffix(".$"): _at(value, given, context)
        if name.endswith(".$")
        else _filled(value, given, context)
        for name, value in template.items()
    }
