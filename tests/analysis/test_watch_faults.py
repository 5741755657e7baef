"""Planted faults of the simulated fleet become incidents with the right first cause, in virtual time."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fleets import Plant

from rootspan_analysis import Cause, Explanation, Impact, Question, Window
from rootspan_analysis.explanation import Verdict
from rootspan_analysis.reader import Reader
from rootspan_analysis.watch import Incident, Watcher, WatchSettings, asking
from rootspan_analysis.watch.incident import Breach
from rootspan_analysis.watch.live import begun
from rootspan_analysis.watch.sweep import AGAIN_S, BURST_S, Sweep
from rootspan_demo.config import FaultName

S = 1_000_000_000
T0 = 1_795_341_600


BREACH = Breach(
    kind="latency_p95",
    service="store",
    operation="Get",
    job="",
    observed=9.0,
    expected=3.0,
    unit="ms",
    since_ns=T0 * S,
    configured=False,
    text="slow",
)
ANSWER_MS = 4000
"""What an answer takes on a large fleet or a busy machine: regular sweeps are 80 s apart then."""


@pytest.fixture
def slow_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers that say they took so long, whatever this machine needs for them."""

    def explain(client: Reader, question: Question) -> Explanation:
        return replace(asking_explain(client, question), took_ms=ANSWER_MS)

    asking_explain = asking.explain
    monkeypatch.setattr(asking, "explain", explain)


@pytest.mark.usefixtures("slow_answers")
@pytest.mark.parametrize("fault", ["network-delay", "error-burst", "region-outage"])
def test_a_planted_fault_is_an_incident_with_the_right_cause_within_a_minute(
    plant: Plant, fault: FaultName
) -> None:
    fleet = plant(fault)
    onset = fleet.truth.onset_unix_ns
    assert onset is not None
    watcher, found = Watcher(fleet.store, WatchSettings()), list[Incident]()
    for after_s in range(0, 61, 5):
        look = watcher.look(onset + after_s * S)
        found += [*look.opened, *look.updated]
        if found and found[-1].causes and fleet.truth.matches(found[-1].causes[0]):
            break
    assert found, "an incident was opened"
    assert fleet.truth.matches(found[-1].causes[0]), found[-1].causes[0]["entity"]
    assert {one.id for one in found} == {found[0].id}
    assert abs(found[-1].onset_ns - onset) <= 30 * S


def test_a_healthy_fleet_opens_nothing(plant: Plant) -> None:
    fleet = plant("none")
    from fleets import END_NS

    watcher = Watcher(fleet.store, WatchSettings(sweep_s=30))
    for before_s in range(180, 0, -20):
        look = watcher.look(END_NS - before_s * S)
        assert (look.opened, look.suspected) == ((), ())
    assert look.series >= 4


def answer(
    *, p: float = 1e-9, service: str = "ranker", excess_s: float = 10.0, took_ms: int = 100
) -> Explanation:
    cause = Cause(
        1, "host", {"service.name": service}, "slow", 0.9, p, T0 * S, Impact(excess_s=excess_s), ()
    )  # fmt: skip
    window = Window((T0 - 90) * S, T0 * S)
    return Explanation(window, window, "cause_found", None, (cause,), {}, took_ms)


def test_a_sweep_believes_a_fault_of_one_service_twice_in_a_row_and_nothing_less() -> None:
    sweep = Sweep(20.0)
    assert sweep.take(answer(), now_ns=0) is None
    assert not sweep.is_due(int((AGAIN_S - 1) * S))
    assert sweep.is_due(int(AGAIN_S * S)), "a first sight is checked soon"
    assert sweep.take(answer(service="store"), now_ns=10 * S) is None
    assert sweep.take(answer(service="store", p=1e-3), now_ns=20 * S) is None
    assert sweep.take(answer(service="store"), now_ns=40 * S) is None
    breach = sweep.take(answer(service="store"), now_ns=50 * S)
    assert breach is not None
    assert (breach.kind, breach.service, breach.since_ns) == ("component", "store", T0 * S)
    sweep.take(answer(p=1.0, took_ms=4000), now_ns=100 * S)
    assert not sweep.is_due(179 * S), "slow answers are asked for less often: 5 % of the time"
    assert not Sweep(0).is_due(10**20)


def test_neither_a_hint_nor_a_first_sight_waits_for_the_next_regular_sweep() -> None:
    sweep = Sweep(20.0)
    assert sweep.is_due(100 * S)
    sweep.take(answer(p=1.0, took_ms=6000), now_ns=100 * S)
    assert not sweep.is_due(110 * S, hinted=True), "an answer that took 6 s is not asked for at once"
    assert not sweep.is_due(150 * S)
    assert sweep.is_due(150 * S, hinted=True)
    sweep.take(answer(p=1.0, took_ms=6000), now_ns=120 * S)
    assert sweep.is_due(150 * S, hinted=True), "the first answer may have come too early"
    sweep.take(answer(took_ms=6000), now_ns=150 * S)
    assert not sweep.is_due(161 * S)
    assert sweep.is_due(162 * S), "a first sight is checked"
    assert sweep.take(answer(took_ms=6000), now_ns=162 * S) is not None


def test_a_hint_that_goes_on_costs_no_more_than_regular_sweeps() -> None:
    sweep, asked = Sweep(20.0), 0
    for at_s in range(0, 2400, 5):
        if sweep.is_due(at_s * S, hinted=True):
            sweep.take(answer(p=1.0, took_ms=6000), now_ns=at_s * S)
            asked += 1
    assert asked * 6 <= 0.1 * 2400 + BURST_S


def test_a_component_stays_open_while_it_costs_more_and_closes_when_that_ends() -> None:
    sweep = Sweep(20.0)
    sweep.take(answer(), now_ns=0)
    breach = sweep.take(answer(), now_ns=10 * S)
    assert breach is not None
    live = begun([breach], {}, now_ns=(T0 + 30) * S, end_s=T0 + 30, version="1")
    for age_s in range(30, 330, 30):
        # A second lost each second for three minutes; then nothing more, though the past is still found.
        live.explained(
            answer(excess_s=min(age_s, 180)), now_ns=(T0 + age_s + 3) * S, end_s=T0 + age_s
        )  # fmt: skip
    assert live.last_bad_s == T0 + 180
    assert live.is_over(frozenset(), end_s=T0 + 300, silent_s=0, quiet_s=120)
    assert not live.is_over(frozenset(), end_s=T0 + 290, silent_s=0, quiet_s=120)


def test_the_engine_is_told_whom_a_breach_hurts_once_that_is_sure(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = list[Question]()

    def explain(_client: Reader, question: Question) -> Explanation:
        asked.append(question)
        window = Window(question.from_ns, question.to_ns)
        return Explanation(window, window, "no_fault", None, (), {}, 100)

    monkeypatch.setattr(asking, "explain", explain)
    for severe, noticed in ((frozenset(), [False, False, True]), (frozenset({BREACH.key}), [True])):
        asked.clear()
        questions = asking.Asking(None, WatchSettings())  # type: ignore[arg-type]  # nobody reads
        for after_s in (0, 10, 20)[: len(noticed)]:
            live = begun([BREACH], {}, now_ns=(T0 + 30) * S, end_s=T0 + 30, version="1")
            at_s = T0 + 30 + after_s
            believed = questions.believes(live, severe, alone=True, now_ns=at_s * S, end_s=at_s)
            assert believed is bool(severe)
        assert [one.noticed for one in asked] == [frozenset({"store"} if one else ()) for one in noticed]


@pytest.mark.parametrize(
    ("verdict", "stays"), [("no_fault", True), ("load", False), ("configuration", False)]
)
def test_a_cause_gives_way_to_load_but_not_to_silence(verdict: Verdict, *, stays: bool) -> None:
    live = begun([BREACH], {}, now_ns=(T0 + 30) * S, end_s=T0 + 30, version="1")
    live.explained(answer(), now_ns=(T0 + 30) * S, end_s=T0 + 30)
    window = Window((T0 - 40) * S, (T0 + 40) * S)
    later = Explanation(window, window, verdict, None, (), {}, 100)
    live.explained(later, now_ns=(T0 + 40) * S, end_s=T0 + 40)
    assert (live.incident.verdict, bool(live.incident.causes)) == (
        ("cause_found", True) if stays else (verdict, False)
    )
