"""Answers for the training jobs of a window, in the words of the engine's contract.

Owns how an answer about jobs and one about requests become one.
"""

from dataclasses import dataclass, replace
from typing import Final

from rootspan_analysis.explanation import Cause, Explanation, Impact, Symptom, Verdict, WhatIf
from rootspan_analysis.question import Question, Window
from rootspan_analysis.reader import Reader
from rootspan_analysis.training.attempts import split_attempts
from rootspan_analysis.training.case import Case, open_case
from rootspan_analysis.training.diagnose import Diagnosis, diagnose
from rootspan_analysis.training.finding import Finding
from rootspan_analysis.training.jobs import Job, find_jobs
from rootspan_analysis.training.statements import ask

__all__ = ["TrainingAnswer", "explain_training", "holds_requests"]

MIN_REQUEST_SPANS: Final = 100
"""With fewer spans besides the jobs' there is nothing to say about requests."""
MAX_JOBS: Final = 4
"""Jobs that one question examines, those with most spans first."""
_ORDER: Final[tuple[Verdict, ...]] = ("cause_found", "configuration", "load", "no_fault", "not_enough_data")


@dataclass(frozen=True, slots=True)
class TrainingAnswer:
    """What is wrong with the window's training jobs.

    Attributes:
        jobs: Those that were examined, at least one.
        causes: Best first, numbered from 1.
    """

    window: Window
    jobs: tuple[Job, ...]
    verdict: Verdict
    symptom: Symptom
    causes: tuple[Cause, ...]

    @property
    def spans(self) -> int:
        """Spans of the jobs in the window."""
        return sum(one.spans for one in self.jobs)

    def alone(self) -> Explanation:
        """The answer where the window holds nothing but training. What is compared lies within the window."""
        return Explanation(self.window, self.window, self.verdict, self.symptom, self.causes)

    def beside(self, requests: Explanation, *, top: int) -> Explanation:
        """One answer for both: causes of jobs and of requests by their score, jobs first where equal.

        A cause that the request half found in a job's own service is the job's, and left out.
        """
        services = {service for job in self.jobs for service in job.services}
        others = [one for one in requests.causes if one.entity.get("service.name") not in services]
        both = sorted([*self.causes, *others], key=lambda one: -one.score)[:top]
        causes = tuple(replace(one, rank=i) for i, one in enumerate(both, start=1))
        calm: Verdict = "no_fault" if requests.verdict == "cause_found" and not others else requests.verdict
        verdict = min(self.verdict, calm, key=_ORDER.index)
        return replace(
            requests,
            verdict=verdict,
            causes=causes,
            symptom=_both(self.symptom, requests.symptom if others or not requests.causes else None),
        )


def explain_training(client: Reader, question: Question) -> TrainingAnswer | None:
    """Say what is wrong with the window's training jobs; None if there are none.

    Raises:
        StoreError: The store did not answer.
    """
    jobs = find_jobs(client, question.window, job=question.job or "", service=question.service or "")[
        :MAX_JOBS
    ]
    if not jobs:
        return None
    cases = [open_case(client, one) for job in jobs for one in split_attempts(client, job)]
    told = [(case, diagnose(case, top=question.top)) for case in cases]
    causes = sorted(
        (cause for case, diagnosis in told for cause in _causes(case, diagnosis)), key=lambda one: -one.score
    )
    # Of equal verdicts the latest attempt speaks, whose state is the job's.
    main = min((one for _, one in reversed(told)), key=lambda one: _ORDER.index(one.verdict))
    return TrainingAnswer(
        window=question.window,
        jobs=tuple(jobs),
        verdict=main.verdict,
        symptom=replace(main.symptom, text=main.symptom.text + _restarts(cases)),
        causes=tuple(replace(one, rank=i) for i, one in enumerate(causes[: question.top], start=1)),
    )


def _restarts(cases: list[Case]) -> str:
    """What to add where a job was started again: from where it went on."""
    latest = {one.job.job_id: one for one in cases}
    again = [one for name, one in latest.items() if sum(each.job.job_id == name for each in cases) > 1]
    return "".join(
        f"; {one.job.name} went on from step {one.times.step[0]}" for one in again if len(one.times.step)
    )


def holds_requests(client: Reader, told: TrainingAnswer) -> bool:
    """Whether the window has enough besides its training jobs to say something about requests.

    Raises:
        StoreError: The store did not answer.
    """
    services = sorted({service for job in told.jobs for service in job.services})
    window = {"from_ns": told.window.from_ns, "to_ns": told.window.to_ns}
    others = ask(client, "other_spans", {**window, "services": services}).to_pylist()[0]["spans"] or 0
    return int(others) >= MIN_REQUEST_SPANS


def _causes(case: Case, diagnosis: Diagnosis) -> list[Cause]:
    """Scores fall with rank: of what stopped the job all is lost, of what slowed it what it cost."""
    total = max(sum(one.lost_s for one in diagnosis.findings), 1e-9)
    length = max(case.times.total_s, max((one.lost_s for one in diagnosis.findings), default=0.0), 1e-9)
    made = []
    for one in diagnosis.findings:
        tier = (0.98, 0.95, 0.45 + 0.45 * one.lost_s / total)[one.weight]
        impact = Impact(
            excess_s=one.lost_s,
            share=min(1.0, one.lost_s / length),
            gpu_hours=case.gpu_hours(one.lost_s),
        )
        made.append(
            Cause(
                rank=0,
                kind=one.kind,
                entity=one.entity,
                fault=one.fault,
                score=tier * (1 - one.p_value),
                p_value=one.p_value,
                onset_unix_ns=one.onset_ns,
                impact=impact,
                evidence=one.evidence,
                what_if=_what_if(case, one),
            )
        )
    return made


def _what_if(case: Case, one: Finding) -> WhatIf | None:
    if one.what_if is None:
        return None
    found = one.what_if
    hours = case.gpu_hours(found.lost_s)
    return WhatIf(found.step_s, found.without_s, found.replayed, found.lost_s, hours)


def _both(job: Symptom, requests: Symptom | None) -> Symptom:
    if requests is None or requests.kind == "none":
        return job
    if job.kind == "none":
        return requests
    return Symptom(job.kind, f"{job.text}; {requests.text}")
