"""`python -m rootspan_collector`: the collector alone. Every flag has an environment variable."""

from __future__ import annotations

import argparse
import logging
import sys

from rootspan_collector.errors import ConfigurationError
from rootspan_collector.server import Listening, serve
from rootspan_collector.settings import CollectorSettings, load_settings


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="rootspan_collector", description="OTLP collector that writes into ClickHouse."
    )
    fields = CollectorSettings.model_fields
    for name, field in fields.items():
        flag = "--" + name.removeprefix("collector_").replace("_", "-")
        default = "" if field.default is None else f" (default {field.default})"
        text = f"{field.description}{default}. ROOTSPAN_{name.upper()}".replace("%", "%%")
        parser.add_argument(flag, dest=name, help=text, metavar="VALUE")
    return parser


def _ready(collector: Listening) -> None:
    http = f", http {collector.http_address}" if collector.http_address else ""
    print(f"collector ready: grpc {collector.grpc_address}{http}", flush=True)


def main() -> int:
    """Run until told to stop; 0 after a graceful stop, 2 when the settings or the surroundings are wrong."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        serve(load_settings(**vars(_parser().parse_args())), on_ready=_ready)
    except ConfigurationError as err:
        print(f"rootspan collector: {err}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
