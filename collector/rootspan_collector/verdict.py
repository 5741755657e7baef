"""What an error code of ClickHouse means for a segment. Pure; the one place that knows the codes.

Names and numbers: ClickHouse's `errorCodeToName`, 26.9.
"""

from __future__ import annotations

from enum import Enum

__all__ = ["Verdict", "judge"]


class Verdict(Enum):
    """What to do with a segment that the store rejected."""

    CONTENT = "the bytes are at fault: find them by halving"
    TOO_BIG = "it did not fit: try again, then in halves; the bytes are not at fault"
    STORE = "the store is at fault: wait and send the same again"
    UNSURE = "not known: try again a few times, then take it for the bytes"


_CONTENT = frozenset(
    {
        6,  # CANNOT_PARSE_TEXT
        25,  # CANNOT_PARSE_ESCAPE_SEQUENCE
        26,  # CANNOT_PARSE_QUOTED_STRING
        27,  # CANNOT_PARSE_INPUT_ASSERTION_FAILED
        32,  # ATTEMPT_TO_READ_AFTER_EOF
        33,  # CANNOT_READ_ALL_DATA
        38,  # CANNOT_PARSE_DATE
        41,  # CANNOT_PARSE_DATETIME
        69,  # ARGUMENT_OUT_OF_BOUND
        72,  # CANNOT_PARSE_NUMBER
        117,  # INCORRECT_DATA
        128,  # TOO_LARGE_ARRAY_SIZE
        131,  # TOO_LARGE_STRING_SIZE
        190,  # SIZES_OF_ARRAYS_DONT_MATCH
        306,  # TOO_DEEP_RECURSION
        321,  # VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE
        349,  # CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN
        407,  # DECIMAL_OVERFLOW
        436,  # PROTOBUF_BAD_CAST
        444,  # UNKNOWN_PROTOBUF_FORMAT: what corrupt protobuf raises
        467,  # CANNOT_PARSE_BOOL
        626,  # CANNOT_SKIP_UNKNOWN_FIELD
        691,  # UNKNOWN_ELEMENT_OF_ENUM
        632,  # UNEXPECTED_DATA_AFTER_PARSED_VALUE
        675,  # CANNOT_PARSE_IPV4
        676,  # CANNOT_PARSE_IPV6
    }
)
_TOO_BIG = frozenset(
    {
        173,  # CANNOT_ALLOCATE_MEMORY
        241,  # MEMORY_LIMIT_EXCEEDED
        158,  # TOO_MANY_ROWS
        307,  # TOO_MANY_BYTES
        396,  # TOO_MANY_ROWS_OR_BYTES
    }
)
_STORE = frozenset(
    {
        3,  # UNEXPECTED_END_OF_FILE: the connection broke in the middle of the body
        16,  # NO_SUCH_COLUMN_IN_TABLE: the schema is not this program's
        36,  # BAD_ARGUMENTS
        47,  # UNKNOWN_IDENTIFIER
        60,  # UNKNOWN_TABLE
        62,  # SYNTAX_ERROR
        76,  # CANNOT_OPEN_FILE
        81,  # UNKNOWN_DATABASE
        95,  # CANNOT_READ_FROM_SOCKET
        96,  # CANNOT_WRITE_TO_SOCKET
        115,  # UNKNOWN_SETTING
        159,  # TIMEOUT_EXCEEDED
        160,  # TOO_SLOW
        164,  # READONLY
        192,  # UNKNOWN_USER
        193,  # WRONG_PASSWORD
        201,  # QUOTA_EXCEEDED
        202,  # TOO_MANY_SIMULTANEOUS_QUERIES
        203,  # NO_FREE_CONNECTION
        204,  # CANNOT_FSYNC
        209,  # SOCKET_TIMEOUT
        210,  # NETWORK_ERROR
        225,  # NO_ZOOKEEPER
        236,  # ABORTED
        242,  # TABLE_IS_READ_ONLY
        243,  # NOT_ENOUGH_SPACE
        252,  # TOO_MANY_PARTS
        254,  # NO_ACTIVE_REPLICAS
        279,  # ALL_CONNECTION_TRIES_FAILED
        285,  # TOO_FEW_LIVE_REPLICAS
        286,  # UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE
        294,  # CANNOT_WRITE_TO_FILE
        319,  # UNKNOWN_STATUS_OF_INSERT
        341,  # UNFINISHED
        394,  # QUERY_WAS_CANCELLED
        415,  # ALL_REPLICAS_LOST
        416,  # REPLICA_STATUS_CHANGED
        425,  # SYSTEM_ERROR
        434,  # CANNOT_PARSE_PROTOBUF_SCHEMA: ours, not the sender's
        439,  # CANNOT_SCHEDULE_TASK
        473,  # DEADLOCK_AVOIDED
        497,  # ACCESS_DENIED
        516,  # AUTHENTICATION_FAILED
        499,  # S3_ERROR
        574,  # DISTRIBUTED_TOO_MANY_PENDING_BYTES
        700,  # USER_SESSION_LIMIT_EXCEEDED
        712,  # TOO_MANY_MATERIALIZED_VIEWS
        735,  # QUERY_WAS_CANCELLED_BY_CLIENT
        745,  # SERVER_OVERLOADED
        762,  # HTTP_CONNECTION_LIMIT_REACHED
        999,  # KEEPER_EXCEPTION
        1000,  # POCO_EXCEPTION: network and file system
        1001,  # STD_EXCEPTION: usually the file system
    }
)


def judge(code: int | None) -> Verdict:
    """Return the verdict for ClickHouse's error code; None (an error without a code) is UNSURE."""
    if code in _CONTENT:
        return Verdict.CONTENT
    if code in _TOO_BIG:
        return Verdict.TOO_BIG
    if code in _STORE:
        return Verdict.STORE
    return Verdict.UNSURE
