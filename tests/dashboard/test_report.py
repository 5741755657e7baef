"""Reports carry text from telemetry as it was sent, and nothing in it does anything."""

from __future__ import annotations

import pytest
from stage import HOSTILE, NS_PER_S

from rootspan_analysis import Cause, Evidence, Explanation, Impact, Symptom, Window
from rootspan_analysis.views.evidence import Course, EvidenceCourses
from rootspan_analysis.views.timespan import TimeSpan
from rootspan_dashboard.cause.examples import Example
from rootspan_dashboard.cause.report import html_report, markdown_report
from rootspan_dashboard.cause.view import CauseView, EvidenceView

AT = 1_800_000_000 * NS_PER_S


def hostile() -> tuple[Explanation, CauseView]:
    evidence = Evidence("trace", HOSTILE["operation"], f"SELECT '{HOSTILE['markdown']}' ```")
    cause = Cause(
        1,
        "host",
        {"service.name": HOSTILE["service"], "host.name": HOSTILE["host"]},
        "slow",
        0.5,
        0.01,
        AT,
        Impact(requests=3),
        (evidence,),
    )
    window = Window(AT, AT + 60 * NS_PER_S)
    symptom = Symptom("latency", HOSTILE["markdown"])
    answer = Explanation(window, Window(0, 0), "cause_found", symptom, (cause,), {}, 5)
    course = Course((AT // NS_PER_S, AT // NS_PER_S + 30), (1.0, 2.0))
    example = Example("ab" * 16, "01" * 8, AT, HOSTILE["service"], HOSTILE["bidi"], HOSTILE["host"], 10, True)
    courses = EvidenceCourses(HOSTILE["operation"], "ms", course, course)
    span = TimeSpan(window.from_ns, window.to_ns)
    return answer, CauseView(cause, span, span, (EvidenceView(evidence, courses),), (example,), (), "")


def test_html_holds_no_element_that_came_with_the_telemetry() -> None:
    answer, view = hostile()
    text = html_report(answer, [view], link="javascript:alert(1)", telemetry=HOSTILE["host"], written_ns=AT)
    assert "<script" not in text
    assert "<img" not in text
    assert "<b>region" not in text
    assert "javascript:" not in text.replace("[link](javascript:alert(1))", "")
    assert "\u202e" not in text
    assert "&lt;script&gt;" in text
    assert text.count("<svg") == 1


def test_markdown_marks_in_the_telemetry_mean_nothing() -> None:
    answer, view = hostile()
    text = markdown_report(answer, [view], link="", telemetry=HOSTILE["markdown"], written_ns=AT)
    assert "](javascript" not in text.replace("\\]\\(javascript", "").replace(HOSTILE["markdown"], "")
    assert "\n````sql" in text  # the fence is longer than the one in the query
    assert "\u202e" not in text
    plain = text.replace(f"SELECT '{HOSTILE['markdown']}' ```", "")
    assert "**bold**" not in plain


def test_a_report_says_what_a_step_would_be_and_who_is_not_at_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    answer, view = hostile()
    told = answer.to_json() | {
        "exonerated": [
            {"kind": "host", "entity": {"host.name": HOSTILE["host"]}, "text": "waits for another"}
        ]
    }
    what_if = {"step_s": 2.2, "without_s": 1.7, "is_replayed": True, "recovered_s": 32.0,
               "recovered_gpu_hours": 0.14}  # fmt: skip
    of_cause = view.cause.to_json() | {"what_if": what_if}
    monkeypatch.setattr(Explanation, "to_json", lambda _: told)
    monkeypatch.setattr(Cause, "to_json", lambda _: of_cause)
    text = html_report(answer, [view], link="", telemetry="", written_ns=AT)
    assert "a step of 2.20\u00a0s would take 1.70\u00a0s" in text
    assert "waits for another" in text
    assert "<img" not in text
    assert "Not at fault" in markdown_report(answer, [view], link="", telemetry="", written_ns=AT)
