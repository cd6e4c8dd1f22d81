"""Pacing, simulated against services that keep their quotas as token buckets."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from identity_reconciler.gateway.wire.governor import SLOWEST, Governor
from identity_reconciler.gateway.wire.pacing import Pacer, Rates, SystemClock
from tests.simulated_time import Latency, SimulatedClock, TokenBucket

JOBS = 400


class Simulation:
    """Threads that send requests through one pacer to services with quotas."""

    def __init__(self, retry_after: float | None = None) -> None:
        self.clock = SimulatedClock()
        self.pacer = Pacer(Rates(), self.clock)
        self.latency = Latency()
        self.retry_after = retry_after
        self.finished: dict[str, int] = {}

    def bucket(self, rate: Callable[[float], float], capacity: float = 20.0) -> TokenBucket:
        return TokenBucket(self.clock, rate, capacity)

    def send(self, service: str, operation: str, bucket: TokenBucket) -> None:
        """Send one request, as often as it takes."""
        while True:
            self.pacer.wait(service, operation)
            half = self.latency() / 2
            self.clock.sleep(half)
            accepted = bucket.take()
            self.clock.sleep(half)
            if accepted:
                self.pacer.served(service, operation)
                self.finished[operation] = self.finished.get(operation, 0) + 1
                return
            self.pacer.throttled(service, operation, self.retry_after)

    def pool(
        self, service: str, operation: str, bucket: TokenBucket, jobs: int = JOBS
    ) -> list[Callable[[], None]]:
        """Return eight threads that share *jobs* requests."""
        left = iter(range(jobs))

        def work() -> None:
            for _ in left:
                self.send(service, operation, bucket)

        return [work] * 8

    def seconds(self, bucket: TokenBucket, jobs: int = JOBS) -> float:
        return self.clock.run(self.pool("sso-admin", "ListApplications", bucket, jobs))


def at(rate: float) -> Callable[[float], float]:
    return lambda _: rate


class TestOneQuota:
    """The quota is kept full, whatever it really is, and no request is lost."""

    def test_the_documented_rate_is_used_in_full(self) -> None:
        simulation = Simulation()
        bucket = simulation.bucket(at(20))
        assert simulation.seconds(bucket) <= 1.02 * JOBS / 20
        assert len(bucket.refused) <= JOBS / 100
        assert simulation.finished == {"ListApplications": JOBS}

    def test_jitter_against_a_small_burst_costs_little(self) -> None:
        simulation = Simulation()
        bucket = simulation.bucket(at(20), capacity=2)
        assert simulation.seconds(bucket) <= 1.05 * JOBS / 20
        assert len(bucket.refused) <= JOBS / 100

    @pytest.mark.parametrize("retry_after", [None, 1.0, 2.0])
    @pytest.mark.parametrize("true_rate", [10, 5, 15])
    def test_a_lower_limit_is_found(self, true_rate: float, retry_after: float | None) -> None:
        simulation = Simulation(retry_after)
        bucket = simulation.bucket(at(true_rate))
        assert simulation.seconds(bucket) <= 1.1 * JOBS / true_rate
        assert len(bucket.refused) <= 0.06 * JOBS
        assert simulation.finished == {"ListApplications": JOBS}

    @pytest.mark.parametrize("retry_after", [None, 1.0])
    def test_a_limit_that_drops_is_followed(self, retry_after: float | None) -> None:
        simulation = Simulation(retry_after)
        bucket = simulation.bucket(lambda now: 20 if now < 10 else 8)
        assert simulation.seconds(bucket) <= 1.1 * (10 + (JOBS - 200) / 8)

    @pytest.mark.parametrize("retry_after", [None, 1.0])
    def test_a_limit_that_rises_is_found_again(self, retry_after: float | None) -> None:
        simulation = Simulation(retry_after)
        bucket = simulation.bucket(lambda now: 10 if now < 15 else 20)
        assert simulation.seconds(bucket) <= 1.15 * (15 + (JOBS - 150) / 20)

    def test_a_storm_of_a_thousand_throttled_answers_loses_nothing(self) -> None:
        simulation = Simulation()
        bucket = simulation.bucket(lambda now: 0.0 if now < 1000 else 20.0, capacity=1)
        simulation.seconds(bucket, jobs=50)
        assert simulation.finished == {"ListApplications": 50}
        storm = [moment for moment in bucket.refused if 100 < moment < 1000]
        assert len(storm) <= 900 * 2, "it slows down to about one request a second"

    def test_nothing_is_sent_while_the_service_asks_for_a_pause(self) -> None:
        clock = SimulatedClock()
        pacer = Pacer(Rates(), clock)
        sent: list[float] = []

        def work() -> None:
            for _ in range(5):
                pacer.wait("sso-admin", "ListApplications")
                sent.append(clock.now())
                if len(sent) == 10:
                    pacer.throttled("sso-admin", "ListApplications", 7.0)
                    paused = clock.now()
                    clock.sleep(7.0)
                    assert [moment for moment in sent if moment > paused] == []

        clock.run([work] * 4)
        assert len(sent) == 20

    def test_an_absurd_pause_is_not_believed(self) -> None:
        clock = SimulatedClock()
        pacer = Pacer(Rates(), clock)
        pacer.wait("sso-admin", "ListApplications")
        pacer.throttled("sso-admin", "ListApplications", 1e9)
        assert pacer.wait("sso-admin", "ListApplications") <= 60


class TestFairness:
    """Lists that run side by side advance side by side."""

    def test_equal_lists_finish_together(self) -> None:
        simulation = Simulation()
        bucket = simulation.bucket(at(20))
        ends: list[float] = []

        def work() -> None:
            for _ in range(25):
                simulation.send("sso-admin", "ListApplicationAssignments", bucket)
            ends.append(simulation.clock.now())

        simulation.clock.run([work] * 8)
        assert max(ends) - min(ends) <= 0.05 * max(ends)


class TestTwoOperations:
    """Each Identity Store operation has a quota of its own, unless it turns out otherwise."""

    def test_own_quotas_are_used_side_by_side(self) -> None:
        simulation = Simulation()
        users, members = simulation.bucket(at(20)), simulation.bucket(at(20))
        seconds = simulation.clock.run(
            simulation.pool("identitystore", "ListUsers", users)
            + simulation.pool("identitystore", "ListGroupMemberships", members)
        )
        assert seconds <= 1.03 * JOBS / 20

    def test_a_common_quota_is_shared(self) -> None:
        simulation = Simulation()
        both = simulation.bucket(at(20))
        seconds = simulation.clock.run(
            simulation.pool("identitystore", "ListUsers", both, 200)
            + simulation.pool("identitystore", "ListGroupMemberships", both)
        )
        assert seconds <= 1.05 * (JOBS + 200) / 20
        assert len(both.refused) <= 0.04 * (JOBS + 200)

    def test_an_operation_with_a_low_limit_does_not_hold_up_the_others(self) -> None:
        simulation = Simulation()
        slow, fast = simulation.bucket(at(10)), simulation.bucket(at(20))
        seconds = simulation.clock.run(
            simulation.pool("identitystore", "ListGroupMemberships", slow)
            + simulation.pool("identitystore", "ListUsers", fast)
        )
        assert seconds <= 1.05 * JOBS / 10
        assert fast.accepted[-1] <= 1.05 * JOBS / 20

    def test_the_first_throttled_answer_slows_every_operation(self) -> None:
        clock = SimulatedClock()
        pacer = Pacer(Rates(), clock)
        for operation in ("ListUsers", "ListGroups"):
            pacer.wait("identitystore", operation)
        clock.sleep(1)
        pacer.throttled("identitystore", "ListUsers", None)
        ends: dict[str, float] = {}

        def work(operation: str) -> None:
            for _ in range(20):
                pacer.wait("identitystore", operation)
            ends[operation] = clock.now()

        clock.run([lambda: work("ListUsers"), lambda: work("ListGroups")])
        assert ends["ListGroups"] > 1 + 1.1

    def test_another_service_is_not_slowed(self) -> None:
        clock = SimulatedClock()
        pacer = Pacer(Rates(), clock)
        pacer.wait("identitystore", "ListUsers")
        pacer.throttled("identitystore", "ListUsers", 30.0)
        assert pacer.wait("sso-admin", "ListApplications") == 0
        assert pacer.wait("sts", "GetCallerIdentity") == 0

    def test_services_without_a_quota_are_not_paced(self) -> None:
        clock = SimulatedClock()
        pacer = Pacer(Rates(), clock)
        for _ in range(1000):
            pacer.wait("sts", "GetCallerIdentity")
            pacer.served("sts", "GetCallerIdentity")
        pacer.throttled("sts", "GetCallerIdentity", 5.0)
        assert clock.now() == 0


class TestGovernor:
    """The rate stays between its bounds and comes back."""

    def test_it_never_stops_and_never_exceeds_its_ceiling(self) -> None:
        governor = Governor(20)
        for second in range(100):
            governor.throttled(second * 1.5)
        assert governor.rate(150) >= SLOWEST * 0.8
        assert governor.rate(1000) == 20

    def test_throttled_answers_of_one_moment_count_once(self) -> None:
        governor = Governor(20)
        opened = [governor.throttled(5 + n / 100) for n in range(16)]
        assert opened == [True] + [False] * 15
        assert governor.rate(6.5) == 20, "one shortage alone proves nothing"

    def test_the_rate_becomes_what_was_served_between_two_shortages(self) -> None:
        governor = Governor(20)
        governor.throttled(0)
        governor.throttled(0.5)
        for _ in range(24):
            governor.served()
        governor.throttled(2)
        assert governor.rate(3) == pytest.approx(12)


class TestSystemClock:
    """The real clock waits and does not go back."""

    def test_it_goes_on(self) -> None:
        clock = SystemClock()
        before = clock.now()
        clock.sleep(0.001)
        assert clock.now() > before
