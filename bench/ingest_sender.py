"""The sender of `bench.ingest`, a process of its own: sends as fast as it is answered, or at a given rate.

Prints one JSON object: what was acknowledged and how long each acknowledgement took.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time

import grpc

from bench.otlp_load import TraceLoad

_EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


class _Sender(threading.Thread):
    def __init__(self, number: int, arguments: argparse.Namespace, begin: threading.Barrier) -> None:
        super().__init__(daemon=True)
        self.latencies_s: list[float] = []
        self.refused = 0
        self._load = TraceLoad(number, arguments.spans)
        self._arguments = arguments
        self._begin = begin

    def run(self) -> None:
        arguments = self._arguments
        interval_s = arguments.connections * arguments.spans / arguments.rate if arguments.rate else 0.0
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_send_message_length", -1)]
        with grpc.insecure_channel(arguments.address, options=options) as channel:
            export = channel.unary_unary(_EXPORT)
            grpc.channel_ready_future(channel).result(30)
            self._begin.wait()
            start_s = time.monotonic()
            sent = 0
            while (now_s := time.monotonic()) < start_s + arguments.seconds:
                due_s = start_s + sent * interval_s
                if due_s > now_s:
                    time.sleep(due_s - now_s)
                body = self._load.next()
                asked_s = time.perf_counter()
                try:
                    export(body, timeout=60)
                except grpc.RpcError:
                    self.refused += 1
                    time.sleep(0.1)
                else:
                    self.latencies_s.append(time.perf_counter() - asked_s)
                sent += 1


def main() -> int:
    """Send until the time is over."""
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--spans", type=int, default=512, help="spans a request")
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument(
        "--rate", type=float, default=0.0, help="spans a second, all connections together; 0: no limit"
    )
    arguments = parser.parse_args()
    begin = threading.Barrier(arguments.connections)
    senders = [_Sender(number, arguments, begin) for number in range(arguments.connections)]
    started_s = time.monotonic()
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    latencies_s = sorted(latency for sender in senders for latency in sender.latencies_s)
    if not latencies_s:
        print("no request was acknowledged", file=sys.stderr)
        return 1
    answer = {
        "requests": len(latencies_s),
        "spans": len(latencies_s) * arguments.spans,
        "refused_requests": sum(sender.refused for sender in senders),
        "bytes": sum(len(s.latencies_s) * s._load.size_bytes for s in senders),
        "ack_p50_ms": latencies_s[len(latencies_s) // 2] * 1e3,
        "ack_p99_ms": latencies_s[min(len(latencies_s) - 1, int(len(latencies_s) * 0.99))] * 1e3,
        "wall_s": time.monotonic() - started_s,
    }
    print(json.dumps(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main())
