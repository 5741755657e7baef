"""An incident's life on streams of spans, in virtual time: opened, grouped, closed, taken over."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from rootspan_analysis.watch import Incident, Look, Objective, Watcher, WatchSettings, incident, incidents
from support.written import WritableStore

S = 1_000_000_000
T0 = 1_795_341_600
"""A whole minute: faults begin here; streams begin 20 minutes before."""
BEGIN = T0 - 1200
QUICK = WatchSettings(quiet_s=40, sweep_s=0)


@pytest.fixture(scope="module")
def one_store() -> Iterator[WritableStore]:
    opened = WritableStore(database="life")
    yield opened
    opened.close()


@pytest.fixture
def store(one_store: WritableStore) -> WritableStore:
    one_store.clear()
    return one_store


def walk(
    watcher: Watcher,
    from_s: float,
    to_s: float,
    *,
    step_s: float = 10,
    until: Callable[[Look], bool] | None = None,
) -> list[Look]:
    """Look every `step_s`; end early when `until` says so."""
    looks = []
    at = from_s
    while at <= to_s:
        looks.append(watcher.look(int((at + 3) * S)))
        if until is not None and until(looks[-1]):
            break
        at += step_s
    return looks


def opened(looks: list[Look]) -> list[Incident]:
    return [one for look in looks for one in look.opened]


def closed(looks: list[Look]) -> list[Incident]:
    return [one for look in looks for one in look.closed]


def test_errors_open_an_incident_that_closes_when_they_are_over(store: WritableStore) -> None:
    store.stream("shop", BEGIN, T0)
    store.stream("shop", T0, T0 + 60, error_ratio=0.08)
    store.stream("shop", T0 + 60, T0 + 200)
    looks = walk(Watcher(store, QUICK), T0 - 20, T0 + 150)
    (found,) = opened(looks)
    assert found.onset_ns == T0 * S
    assert found.opened_ns <= (T0 + 50) * S
    assert found.lead.kind == "error_rate"
    assert found.severity == "major"
    assert 0.04 < found.lead.observed < 0.12
    (over,) = closed(looks)
    assert over.id == found.id
    assert over.state == "closed"
    assert over.closed_ns == pytest.approx((T0 + 60) * S, abs=10 * S)
    assert incident(store, found.id) == over
    assert over.blast.services == ("shop",)
    assert over.blast.hosts >= 3
    assert 30 <= over.impact.errors <= 70, "8 % of 600"
    assert looks[-1].open == ()


def test_a_healthy_stream_opens_nothing(store: WritableStore) -> None:
    store.stream("shop", BEGIN, T0 + 600, error_ratio=0.004)
    store.stream("slow-shop", BEGIN, T0 + 600, per_s=3, ms=900, error_ratio=0.01)
    looks = walk(Watcher(store, WatchSettings(sweep_s=60)), T0, T0 + 600, step_s=20)
    assert opened(looks) == []
    assert all(not look.suspected for look in looks)
    assert looks[-1].series == 2


def test_an_outage_is_told_sooner_than_a_slow_decay(store: WritableStore) -> None:
    store.stream("shop", BEGIN, T0)
    store.stream("shop", T0, T0 + 100, error_ratio=0.9)
    looks = walk(Watcher(store, QUICK), T0, T0 + 60, step_s=5, until=lambda look: bool(look.opened))
    (found,) = opened(looks)
    assert found.opened_ns <= (T0 + 30) * S
    assert found.severity == "critical"


def test_callers_of_an_ill_service_join_its_incident_and_strangers_do_not(store: WritableStore) -> None:
    for begin, end, ratio in ((BEGIN, T0, 0.0), (T0, T0 + 80, 0.2)):
        store.stream("front", begin, end, trace="a", error_ratio=ratio, ms=60)
        store.stream("back", begin, end, trace="a", error_ratio=ratio, parent="frontServe")
        store.stream("elsewhere", begin, end, trace="b", error_ratio=ratio)
    looks = walk(Watcher(store, QUICK), T0, T0 + 70)
    groups = {one.id: {b.service for b in one.breaches} for one in incidents(store)}
    assert sorted(map(sorted, groups.values())) == [["back", "front"], ["elsewhere"]]
    together = next(one for one in opened(looks) if one.lead.service != "elsewhere")
    assert together.lead.service == "front", "a user is nearer to the caller"


def test_a_watcher_that_is_killed_is_followed_by_one_that_goes_on(store: WritableStore) -> None:
    store.stream("shop", BEGIN, T0)
    store.stream("shop", T0, T0 + 120, error_ratio=0.3)
    store.stream("shop", T0 + 120, T0 + 240)
    first, second = Watcher(store, QUICK, holder="first"), Watcher(store, QUICK, holder="second")
    (found,) = opened(walk(first, T0, T0 + 50))
    assert not second.look((T0 + 53) * S).acts, "the first lives"
    # The first says nothing more. The second waits until it is surely gone, then goes on with what was open.
    looks = walk(second, T0 + 60, T0 + 230)
    assert [look.acts for look in looks][:2] == [False, False]
    assert looks[-1].acts
    assert opened(looks) == []
    assert [one.id for one in closed(looks)] == [found.id]
    assert len(incidents(store)) == 1


def test_a_watcher_that_leaves_is_followed_at_once(store: WritableStore) -> None:
    store.stream("shop", T0 - 300, T0)
    first, second = Watcher(store, QUICK, holder="first"), Watcher(store, QUICK, holder="second")
    assert first.look((T0 - 20) * S).acts
    assert not second.look((T0 - 15) * S).acts
    first.leave((T0 - 14) * S)
    assert second.look((T0 - 4) * S).acts


def test_a_past_that_comes_after_the_watcher_began_is_the_usual_at_once(store: WritableStore) -> None:
    watcher = Watcher(store, QUICK)
    assert not opened(walk(watcher, T0 - 50, T0 - 40)), "there is nothing yet"
    store.stream("shop", BEGIN, T0 - 600)
    walk(watcher, T0 - 30, T0 - 30)
    store.stream("shop", T0 - 600, T0)
    store.stream("shop", T0, T0 + 60, error_ratio=0.08)
    (found,) = opened(walk(watcher, T0 - 20, T0 + 50))
    assert found.lead.kind == "error_rate"


def test_telemetry_that_comes_late_is_evaluated_when_it_comes(store: WritableStore) -> None:
    store.stream("shop", BEGIN, T0)
    watcher = Watcher(store, QUICK)
    assert opened(walk(watcher, T0 - 20, T0 + 110)) == [], "silence is no breach"
    store.stream("shop", T0, T0 + 120, error_ratio=0.3)
    (found,) = opened(walk(watcher, T0 + 120, T0 + 130))
    assert found.onset_ns == T0 * S


def test_what_stays_for_long_is_the_usual_from_then_on(store: WritableStore) -> None:
    store.stream("shop", T0 - 600, T0, per_s=4)
    store.stream("shop", T0, T0 + 840, per_s=4, ms=60)
    settings = WatchSettings(history_s=600, accept_s=600, agree=False, sweep_s=0)
    looks = walk(Watcher(store, settings), T0 + 30, T0 + 840, step_s=30)
    assert len(opened(looks)) == 1
    (over,) = closed(looks)
    assert over.updated_ns >= over.opened_ns + 600 * S
    assert looks[-1].open == ()


def test_a_watcher_without_any_healthy_history_knows_from_the_incident_what_was_expected(
    store: WritableStore,
) -> None:
    store.stream("shop", T0 - 600, T0)
    store.stream("shop", T0, T0 + 1100, ms=60)
    settings = WatchSettings(history_s=600, quiet_s=40, agree=False, sweep_s=0)
    first = Watcher(store, settings, holder="first")
    (found,) = opened(walk(first, T0 + 30, T0 + 50))
    first.leave((T0 + 55) * S)
    looks = walk(Watcher(store, settings, holder="second"), T0 + 900, T0 + 1000, step_s=20)
    assert [one.id for one in looks[-1].open] == [found.id]
    assert closed(looks) == []
    assert opened(looks) == []


def test_silence_does_not_close_an_incident(store: WritableStore) -> None:
    store.stream("shop", BEGIN, T0)
    store.stream("shop", T0, T0 + 60, error_ratio=0.3)
    looks = walk(Watcher(store, QUICK), T0, T0 + 300)
    assert len(opened(looks)) == 1
    assert closed(looks) == []
    assert looks[-1].silent_s >= 200


def test_an_objective_that_a_person_set_needs_no_history(store: WritableStore) -> None:
    store.stream("shop", T0 - 120, T0 + 60, ms=300)
    limits = (Objective("latency_p95", service="sh*", at_most=250),)
    looks = walk(Watcher(store, WatchSettings(objectives=limits, sweep_s=0)), T0 - 60, T0)
    (found,) = opened(looks)
    assert found.lead.configured
    assert found.lead.expected == 250
    assert found.lead.observed == pytest.approx(350, rel=0.1)
    ignored = WatchSettings(objectives=limits, sweep_s=0, ignore=({"service": "shop"},))
    store.execute("TRUNCATE TABLE rootspan_incidents")
    store.execute("TRUNCATE TABLE rootspan_watchers")
    assert opened(walk(Watcher(store, ignored), T0 - 60, T0)) == []


def test_waits_and_first_tokens_are_watched_where_spans_tell_them(store: WritableStore) -> None:
    usual = {"rootspan.queue.wait_ms": "10 + number % 5", "gen_ai.response.time_to_first_chunk": "0.2"}
    late = {"rootspan.queue.wait_ms": "10 + number % 5", "gen_ai.response.time_to_first_chunk": "0.9"}
    store.stream("llm", BEGIN, T0, attributes=usual)
    store.stream("llm", T0, T0 + 80, attributes=late)
    watcher = Watcher(store, WatchSettings(agree=False, sweep_s=0))
    (found,) = opened(walk(watcher, T0 - 20, T0 + 50))
    assert {one.kind for one in found.breaches} == {"time_to_first_token"}
    assert found.lead.observed == pytest.approx(900, rel=0.1)
    assert found.lead.expected == pytest.approx(200, rel=0.1)


def job_stream(store: WritableStore, begin: float, end: float, *, per_s: float = 8, ms: float = 900) -> None:
    store.stream(
        "trainer", begin, end, operation="train.step", kind="Internal", job="llama", per_s=per_s, ms=ms
    )


def test_steps_of_a_job_that_take_longer_are_an_incident(store: WritableStore) -> None:
    job_stream(store, BEGIN, T0)
    job_stream(store, T0, T0 + 90, ms=1400)
    (found,) = opened(walk(Watcher(store, WatchSettings(agree=False, sweep_s=0)), T0, T0 + 60))
    assert {one.kind for one in found.breaches} == {"step_time"}
    assert (found.lead.job, found.lead.service) == ("llama", "")


@pytest.mark.parametrize("is_alive", [True, False])
def test_a_job_without_steps_hangs_if_it_still_talks_and_has_ended_if_not(
    store: WritableStore, is_alive: bool
) -> None:
    job_stream(store, BEGIN, T0)
    store.stream("shop", BEGIN, T0 + 120)
    if is_alive:
        store.execute(
            "INSERT INTO otel_logs (Timestamp, ServiceName, Body, ResourceAttributes) "
            f"SELECT fromUnixTimestamp({T0} + number), 'trainer', 'waiting', map('training.job.id', 'llama') "
            "FROM numbers(120)"
        )
    found = opened(walk(Watcher(store, WatchSettings(agree=False, sweep_s=0)), T0, T0 + 100))
    assert [one.lead.kind for one in found] == (["goodput"] if is_alive else [])
    if is_alive:
        assert found[0].severity == "critical"
