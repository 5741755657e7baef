"""The root-cause engine: SQL and columns in, ranked causes out."""

from rootspan_analysis.answering import explain
from rootspan_analysis.engine import Progress
from rootspan_analysis.errors import AnalysisError, QuestionError, StoreError
from rootspan_analysis.explanation import Cause, Evidence, Explanation, Impact, Symptom
from rootspan_analysis.question import Question, Window

__all__ = [
    "AnalysisError",
    "Cause",
    "Evidence",
    "Explanation",
    "Impact",
    "Progress",
    "Question",
    "QuestionError",
    "StoreError",
    "Symptom",
    "Window",
    "explain",
]
