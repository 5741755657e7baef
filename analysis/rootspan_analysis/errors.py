"""The engine's errors, drawn as a tree: one base, one subclass for each decision a caller can take."""

__all__ = ["AnalysisError", "QuestionError", "StoreError"]


class AnalysisError(Exception):
    """Base of everything that the engine raises on purpose."""


class QuestionError(AnalysisError, ValueError):
    """The question makes no sense: ask another one."""


class StoreError(AnalysisError):
    """The store could not answer a query: look at the store, or ask for a shorter window.

    Attributes:
        statement: Name of the `.sql` file that failed.
    """

    def __init__(self, message: str, *, statement: str) -> None:
        super().__init__(message)
        self.statement = statement
