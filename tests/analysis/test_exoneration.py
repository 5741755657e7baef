"""Who is cleared, and why."""

from fleets import Plant


def test_what_follows_from_a_cause_is_cleared_with_the_reason(plant: Plant) -> None:
    answer = plant("queue-saturation", 1).ask()
    guilty = [dict(cause.entity) for cause in answer.causes]
    assert answer.exonerated
    assert all(dict(one.entity) not in guilty for one in answer.exonerated)
    assert any("that follows from the machines that were lost" in one.text for one in answer.exonerated)


def test_services_that_are_as_they_were_are_named_with_numbers(plant: Plant) -> None:
    answer = plant("slow-gpu", 1).ask()
    steady = {one.entity["service.name"]: one.text for one in answer.exonerated if "as it was" in one.text}
    assert "feature-store" in steady
    assert "ranker" not in steady
    assert all(any(char.isdigit() for char in text) for text in steady.values())


def test_where_nothing_is_named_nobody_is_cleared(plant: Plant) -> None:
    answer = plant("none", 1).ask()
    assert answer.exonerated == ()
    assert answer.to_json()["exonerated"] == []
