"""What the doctor says of refused requests: who sent them, why they were refused, and what to mend."""

from __future__ import annotations

from rootspan_cli.doctor.collector_status import CollectorStatus, Refused, SignalStatus
from rootspan_cli.doctor.refusal_checks import check_refusals
from rootspan_cli.doctor.report import Check

NOW_S = 1_795_341_600.0


def refused(reason: str, *, ago_s: float = 5.0, items: int = 7, sender: str = "10.0.0.7") -> Refused:
    return Refused(sender, reason, 1, items, f"because of {reason}", NOW_S - ago_s)


def check(traces: tuple[Refused, ...] = (), logs: tuple[Refused, ...] = ()) -> Check:
    signals = {
        name: SignalStatus(0, 0, 0, 0, sum(one.items for one in told), 0, 0.0, "", refused_by=told)
        for name, told in {"traces": traces, "logs": logs}.items()
    }
    return check_refusals(CollectorStatus("c", "0.1.0", 1.0, 0, 1, signals), now_unix_s=NOW_S)


def test_no_refusal_is_as_it_should_be() -> None:
    assert check().is_ok
    assert check().facts == {"refused_by": []}


def test_data_of_a_foreign_region_is_told_with_sender_words_and_next_step() -> None:
    found = check((refused("residency", items=3),), (refused("residency", ago_s=90, items=4),))
    assert not found.is_ok
    assert found.said == (
        "residency: 2 requests with 7 items of 10.0.0.7, told 5 s ago: because of residency"
    )
    assert "cloud.region" in found.next_step
    (told,) = found.to_json()["refused_by"]  # type: ignore[misc]
    assert (told["items"], told["requests"], told["last_unix_s"]) == (7, 2, NOW_S - 5)


def test_what_was_mended_an_hour_ago_is_only_remembered() -> None:
    found = check((refused("residency", ago_s=4000),))
    assert found.is_ok
    assert "67 min ago" in found.said
    assert not found.next_step


def test_a_sender_that_is_slowed_down_is_no_fault() -> None:
    assert check((refused("quota"), refused("log_full"))).is_ok


def test_a_fault_is_told_before_what_slows_down_and_many_are_cut() -> None:
    many = tuple(refused("residency", sender=f"10.0.0.{n}") for n in range(5))
    found = check((refused("quota", ago_s=0), *many))
    assert found.said.startswith("residency: ")
    assert found.said.endswith("and 2 more")
    assert len(found.facts["refused_by"]) == 6  # type: ignore[arg-type]
