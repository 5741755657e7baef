"""`rootspan mcp`: the store's answers as tools for assistants that speak the Model Context Protocol."""

from importlib.metadata import version

from rootspan_cli.extras import needing
from rootspan_cli.help import DEFAULT_STORE, StoreOption, examples

__all__ = ["EPILOG", "mcp"]

EPILOG = examples(
    ("rootspan mcp --store http://127.0.0.1:8123/otel", "what an assistant starts as its server"),
    ("ROOTSPAN_STORE=http://clickhouse:8123/otel rootspan mcp", "against a server"),
)


def mcp(*, store: StoreOption = DEFAULT_STORE) -> None:
    """Serve why, trace search, fleet and SQL to an assistant, over standard input and output.

    The tools only read, and every answer is bounded. Ends when its input ends.
    """
    with needing("mcp", "mcp"):
        from rootspan_cli.agents.server import build_server
    with needing("analysis", "clickhouse_connect", "pyarrow"):
        from rootspan_cli.agents.questions import Questions
        from rootspan_store.client import StoreUrl
    build_server(Questions(StoreUrl.parse(store)), version("rootspan")).run("stdio")
