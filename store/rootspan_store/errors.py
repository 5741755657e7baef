"""The error tree of the store: one base, one subclass for each decision that a caller has to take.

Knows nothing of HTTP or of the engine. `EngineError` carries ClickHouse's own code, so that whoever serves it
can answer as ClickHouse would.
"""

__all__ = [
    "DataFolderLocked",
    "EngineError",
    "RulesUnknown",
    "SchemaChanged",
    "SchemaError",
    "SchemaTooNew",
    "StoreConfigError",
    "StoreError",
    "StoreRejected",
    "StoreUnreachable",
]


class StoreError(Exception):
    """Base of everything that this package raises."""


class StoreConfigError(StoreError):
    """A setting or a store URL cannot be used as given: fix the configuration."""


class StoreUnreachable(StoreError):  # noqa: N818 - named for what happened; every name here is an error
    """Nothing answered, or the answer broke off: retry later. Whether a write was applied is unknown."""


class StoreRejected(StoreError):  # noqa: N818
    """ClickHouse refused the statement: retrying it unchanged is of no use.

    Attributes:
        code: ClickHouse's error code, None if the server sent none.
    """

    def __init__(self, message: str, *, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


class DataFolderLocked(StoreError):  # noqa: N818
    """Another store process holds the data folder: stop it, or choose another folder."""


class SchemaError(StoreError):
    """The schema in the database does not fit this program."""


class SchemaTooNew(SchemaError):  # noqa: N818
    """The database was migrated by a newer rootspan: upgrade this program.

    Attributes:
        found: Newest version applied in the database.
        known: Newest version that this program knows.
    """

    def __init__(self, message: str, *, found: int, known: int) -> None:
        super().__init__(message)
        self.found = found
        self.known = known


class SchemaChanged(SchemaError):  # noqa: N818
    """A migration that was already applied reads differently now: its text must never change.

    Attributes:
        version: Number of the migration that differs.
    """

    def __init__(self, message: str, *, version: int) -> None:
        super().__init__(message)
        self.version = version


class RulesUnknown(SchemaError):  # noqa: N818
    """The database is under rules that are needed now and were not given: give them."""


class EngineError(StoreError):
    """ClickHouse's own exception, or one that the front raises in its place.

    Attributes:
        code: ClickHouse's error code, such as 62 for SYNTAX_ERROR.
        text: The whole message, starting with `Code: N. DB::Exception: `.
    """

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text

    @classmethod
    def of(cls, code: int, name: str, message: str) -> "EngineError":
        """Build an error that reads as ClickHouse's own: `Code: 497. DB::Exception: … (ACCESS_DENIED)`."""
        return cls(code, f"Code: {code}. DB::Exception: {message}. ({name})")
