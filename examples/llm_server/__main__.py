"""`python -m examples.llm_server`: start the servers, ask them, stop them, tell what happened."""

from __future__ import annotations

import argparse
import signal
import threading
from collections import Counter

from examples.harness.processes import Served
from examples.llm_server.server import Settings

import rootspan

REGIONS = ("us-east", "eu-west")


def main() -> int:
    """Returns 0 when everybody was answered and every process stopped by itself."""
    parser = argparse.ArgumentParser(prog="python -m examples.llm_server", description=__doc__)
    add = parser.add_argument
    add("--seconds", type=float, default=20.0, help="how long to ask (default %(default)s)")
    add("--rate", type=float, default=6.0, help="requests a second (default %(default)s)")
    add("--servers", type=int, default=2, help="server processes (default %(default)s)")
    add("--max-tokens", type=int, default=32, help="tokens of an answer (default %(default)s)")
    add("--max-batch", type=int, default=8, help="texts in a batch (default %(default)s)")
    add("--max-waiting", type=int, default=32, help="requests before it (default %(default)s)")
    add("--endpoint", default="localhost:4317", help="OTLP/gRPC collector (default %(default)s)")
    asked = parser.parse_args()
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    rootspan.init("llm-client", asked.endpoint, instrument=["grpc"], baggage=["tenant.id"])
    from examples.llm_server.client import drive

    servers: list[Served] = []
    try:
        for i in range(asked.servers):
            region = REGIONS[i % len(REGIONS)]
            settings = Settings(
                asked.endpoint, f"gpu-{i + 1:03d}", region, asked.max_batch, asked.max_waiting
            )
            servers.append(Served("examples.llm_server.server", settings.to_json()))
        for server in servers:
            server.wait_until_serving()
        print(f"{asked.servers} servers; {asked.rate:g} requests/s, {asked.seconds:g} s", flush=True)
        answers = drive(
            [server.port for server in servers],
            seconds=asked.seconds,
            rate=asked.rate,
            max_tokens=asked.max_tokens,
            stopping=stopping,
        )
    finally:
        for server in servers:
            server.begin_stop()
        reports = [server.stop() for server in servers]
    delivery = rootspan.shutdown()
    print(
        f"{answers.ok} answered with {answers.tokens} tokens, {answers.failed} failed, "
        f"{answers.refused} attempts refused; "
        f"time to first token p50 {answers.quantile_s(0.5) * 1e3:.1f} ms, "
        f"p95 {answers.quantile_s(0.95) * 1e3:.1f} ms; slowest trace {answers.slowest_trace or '-'}"
    )
    sent: Counter[str] = Counter(delivery.sent)
    for report in reports:
        sent.update(report.sent)
    dropped = delivery.n_dropped + sum(report.dropped for report in reports)
    print(f"delivered to {asked.endpoint}: {dict(sent) or 'nothing'}; dropped {dropped}")
    unclean = [f"process {report.pid} ({report.exit_code})" for report in reports if report.exit_code != 0]
    if unclean:
        print(f"did not stop by themselves: {', '.join(unclean)}")
    return 1 if unclean or answers.failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
