"""The engine's entry: what is wrong in a window, with requests and with training jobs alike.

Owns which half is asked and that changes stand as evidence. Each half is its own: `engine` for requests,
`training` for jobs.
"""

import time
from collections.abc import Mapping
from dataclasses import replace

from rootspan_analysis.changes import with_changes
from rootspan_analysis.engine import Progress, explain_requests
from rootspan_analysis.explanation import Explanation
from rootspan_analysis.question import Question
from rootspan_analysis.reader import Reader
from rootspan_analysis.training import explain_training, holds_requests

__all__ = ["explain"]


def explain(
    client: Reader,
    question: Question,
    *,
    telemetry: Mapping[str, int] | None = None,
    on_progress: Progress | None = None,
) -> Explanation:
    """Say why it was slow or broken in the question's window, or that nothing is wrong.

    A window with nothing but training jobs, or a question about a job, is not asked about requests at all.

    Args:
        client: A reader of the store; it is only queried.
        telemetry: Balance of the telemetry, passed on in the answer.
        on_progress: Called between steps.

    Raises:
        StoreError: The store did not answer.
    """
    began = time.monotonic()
    jobs = explain_training(client, question)
    if jobs is None:
        answer = explain_requests(client, question, on_progress=on_progress)
    elif question.job or not holds_requests(client, jobs):
        answer = jobs.alone()
    else:
        answer = jobs.beside(explain_requests(client, question, on_progress=on_progress), top=question.top)
    answer = with_changes(client, answer)
    return replace(answer, telemetry=telemetry or {}, took_ms=round((time.monotonic() - began) * 1e3))
