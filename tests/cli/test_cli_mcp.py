"""`rootspan mcp` as an assistant sees it: a real client starts the real command and calls its tools."""

from __future__ import annotations

import json
import sys
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import clickhouse_connect
import pytest
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

from rootspan_cli.agents.questions import MOST_CHARS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from support.installation import UpProcess

pytestmark = pytest.mark.process

SPANS = """
INSERT INTO otel_traces
    (Timestamp, TraceId, SpanId, SpanName, SpanKind, ServiceName, SpanAttributes, Duration, StatusCode)
SELECT
    now64(9) - 60, lower(hex(sipHash128(number))), lower(hex(sipHash64(number))), 'Ask', 'Server',
    'mcp-service',
    map('tenant', if(number = 7, 'blue', 'red')), 1000000 * (number + 1), if(number = 7, 'Error', 'Ok')
FROM numbers(40)
"""


@asynccontextmanager
async def assistant(installation: UpProcess) -> AsyncIterator[ClientSession]:
    command = StdioServerParameters(
        command=sys.executable, args=["-m", "rootspan_cli", "mcp", "--store", installation.store]
    )
    async with stdio_client(command) as (read, write), ClientSession(read, write) as session:
        await session.initialize()
        yield session


async def call(session: ClientSession, tool: str, **arguments: object) -> Any:
    result = await session.call_tool(tool, arguments)
    assert not result.is_error, result.content
    return result.structured_content


@pytest.fixture(scope="module", autouse=True)
def spans(installation: UpProcess) -> None:
    client = clickhouse_connect.get_client(host="127.0.0.1", port=installation.store_port, database="otel")
    client.command(SPANS)
    client.close()


@pytest.mark.asyncio
async def test_an_assistant_is_told_of_tools_that_only_read(installation: UpProcess) -> None:
    async with assistant(installation) as session:
        tools = {tool.name: tool for tool in (await session.list_tools()).tools}
        assert set(tools) == {"why", "search_traces", "fleet", "sql"}
        assert all(tool.annotations and tool.annotations.read_only_hint for tool in tools.values())


@pytest.mark.asyncio
async def test_traces_are_found_by_attributes_and_errors(installation: UpProcess) -> None:
    async with assistant(installation) as session:
        found = await call(
            session, "search_traces", service="mcp-service", attributes={"tenant": "blue"}, failed=True
        )
        (row,) = found["rows"]
        assert row["duration_ns"] == 8_000_000
        assert found["cut"] is False


@pytest.mark.asyncio
async def test_an_answer_that_was_cut_says_so(installation: UpProcess) -> None:
    async with assistant(installation) as session:
        found = await call(session, "search_traces", service="mcp-service", limit=5)
        assert len(found["rows"]) == 5
        assert found["rows"][0]["duration_ns"] == 40_000_000
        assert found["cut"] is True
        text = await call(session, "sql", query="SELECT repeat('x', 100000) AS long")
        assert len(text["rows"][0]["long"]) == MOST_CHARS


@pytest.mark.asyncio
async def test_sql_cannot_write(installation: UpProcess) -> None:
    async with assistant(installation) as session:
        refused = await session.call_tool("sql", {"query": "TRUNCATE TABLE otel_traces"})
        assert refused.is_error
        assert "Syntax error" in str(refused.content)
        counted = await call(
            session, "sql", query="SELECT count() AS n FROM otel_traces WHERE ServiceName = 'mcp-service'"
        )
        assert counted["rows"] == [{"n": 40}]


@pytest.mark.asyncio
async def test_fleet_and_why_answer_on_the_same_window(installation: UpProcess) -> None:
    async with assistant(installation) as session:
        fleet = await call(session, "fleet", begin="10m")
        assert "mcp-service" in {row["name"] for row in fleet["services"]["rows"]}
        began = time.monotonic()
        answer = await call(session, "why", begin="10m")
        assert answer["verdict"] in {"no_fault", "not_enough_data", "cause_found", "load", "configuration"}
        assert {"window", "causes", "telemetry"} <= set(answer)
        assert json.dumps(answer)
        assert time.monotonic() - began < 30
