"""The questions as tools of the Model Context Protocol, over standard input and output."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations
from pydantic import Field

from rootspan_cli.agents.questions import MOST_ROWS, Answer, Questions
from rootspan_cli.errors import CliError, wrong_use_of

__all__ = ["build_server"]

_READS = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True)
_INSTRUCTIONS = (
    "Distributed traces, logs and metrics of a GPU fleet. Begin with `why` over the window in question: it "
    "names causes with evidence, and each piece of evidence carries SQL that `sql` runs. A verdict of "
    "no_fault or not_enough_data is an answer too. Times are RFC 3339, unix nanoseconds, or ages (15m, 2h)."
)
_Begin = Annotated[str, Field(description="Begin of the window; empty: 15 minutes before its end.")]
_End = Annotated[str, Field(description="End of the window; empty: now.")]
_Limit = Annotated[int, Field(ge=1, le=MOST_ROWS, description="Most rows of the answer.")]


@contextmanager
def _telling() -> Iterator[None]:
    """Turns what was raised on purpose into words for the assistant; defects pass."""
    try:
        yield
    except Exception as error:
        told = error if isinstance(error, CliError | ValueError) else wrong_use_of(error)
        if told is None:
            raise
        raise ToolError(str(told)) from error


def build_server(questions: Questions, version: str) -> MCPServer:
    """A server whose tools put `questions`."""
    server = MCPServer("rootspan", instructions=_INSTRUCTIONS, version=version, log_level="WARNING")

    @server.tool(annotations=_READS)
    def why(
        begin: _Begin = "",
        end: _End = "",
        service: Annotated[str, Field(description="Only requests that touch this service.")] = "",
        job: Annotated[str, Field(description="Only this training job.")] = "",
        top: Annotated[int, Field(ge=1, le=20, description="Most causes to name.")] = 3,
    ) -> Answer:
        """Say why it was slow or broken in a window: a verdict, and ranked causes with evidence and SQL."""
        with _telling():
            return questions.why(begin, end, service, job, top)

    @server.tool(annotations=_READS)
    def search_traces(  # noqa: PLR0917 - a tool's arguments are given by name
        begin: _Begin = "",
        end: _End = "",
        service: Annotated[str, Field(description="Service of the matching span.")] = "",
        operation: Annotated[str, Field(description="Name of the matching span.")] = "",
        attributes: Annotated[
            dict[str, str] | None, Field(description="Attributes that the span or its resource must have.")
        ] = None,
        min_duration_ms: Annotated[float, Field(ge=0, description="Shortest duration.")] = 0,
        failed: Annotated[bool, Field(description="Only spans whose status is an error.")] = False,
        limit: _Limit = 20,
    ) -> Answer:
        """Find traces by a span in them, the longest first."""
        with _telling():
            return questions.search_traces(
                begin,
                end,
                service=service,
                operation=operation,
                attributes=attributes or {},
                min_duration_ms=min_duration_ms,
                failed=failed,
                limit=limit,
            )

    @server.tool(annotations=_READS)
    def fleet(begin: _Begin = "", end: _End = "") -> Answer:
        """Hosts, requests, errors and latency of the fleet, by service and by region."""
        with _telling():
            return questions.fleet(begin, end)

    @server.tool(annotations=_READS)
    def sql(
        query: Annotated[
            str, Field(description="One SELECT in ClickHouse's dialect; SHOW TABLES and DESCRIBE help.")
        ],
        limit: _Limit = 50,
    ) -> Answer:
        """Run one read-only statement on the tables of telemetry (otel_traces, otel_logs, otel_metrics_*)."""
        with _telling():
            return questions.sql(query, limit)

    return server
