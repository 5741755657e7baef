"""Roles of a small fleet, each a process of its own: `python -m support.batching_fleet ROLE ENDPOINT ...`.

A balancer hands every request to two servers, each sends its half to the batcher, and the batcher runs one
batch for all that wait. A server prints its port when it serves, and ends when its standard input does.
"""

from __future__ import annotations

import json
import queue
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import rootspan
from rootspan import batching

BATCH_OF = 4
_encode = str.encode


def _serve(method: str, answer: Callable[[str], str]) -> None:
    import grpc

    server = grpc.server(ThreadPoolExecutor(8))
    handler = grpc.unary_unary_rpc_method_handler(
        lambda request, _context: answer(request), bytes.decode, _encode
    )
    service, _, name = method.partition("/")
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {name: handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    sys.stdin.read()
    server.stop(1).wait()


def _stub(port: str, method: str) -> Any:
    import grpc

    return grpc.insecure_channel(f"127.0.0.1:{port}").unary_unary(f"/{method}", _encode, bytes.decode)


def batcher() -> None:
    """Collects `BATCH_OF` requests, runs them together, and tells each what it was told itself."""
    waiting: queue.Queue[tuple[batching.Ticket, str, Future[str]]] = queue.Queue()

    def work() -> None:
        while True:
            taken = [waiting.get() for _ in range(BATCH_OF)]
            tickets = [ticket for ticket, _, _ in taken]
            with batching.batch(tickets, "model.forward"), rootspan.span("kernel"):
                answers = [text.upper() for _, text, _ in taken]
            for (ticket, _, future), answer in zip(taken, answers, strict=True):
                future.set_result(f"{answer} {ticket.batch_id} {ticket.share} {ticket.wait_ms}")

    def infer(text: str) -> str:
        answer: Future[str] = Future()
        waiting.put((batching.enqueue(units=len(text)), text, answer))
        return answer.result(timeout=20)

    threading.Thread(target=work, daemon=True).start()
    _serve("Batcher/Infer", infer)


def server(batcher_port: str) -> None:
    """Passes its half on."""
    infer = _stub(batcher_port, "Batcher/Infer")
    _serve("Server/Score", lambda text: str(infer(text, timeout=20)))


def balancer(*server_ports: str) -> None:
    """Asks all servers at once."""
    stubs = [_stub(port, "Server/Score") for port in server_ports]

    def recommend(text: str) -> str:
        halves = [text[: len(text) // 4], text[len(text) // 4 :]]
        with ThreadPoolExecutor(len(stubs)) as pool:
            asked = [
                pool.submit(rootspan.carry(stub), half, timeout=20)
                for stub, half in zip(stubs, halves, strict=True)
            ]
            return json.dumps([one.result() for one in asked])

    _serve("Balancer/Recommend", recommend)


def client(balancer_port: str, requests: str) -> None:
    """Sends requests at once, each a trace of its own, and prints the answers."""
    recommend = _stub(balancer_port, "Balancer/Recommend")

    def one(text: str) -> str:
        with rootspan.span("user request"):
            return str(recommend(text, timeout=20))

    with ThreadPoolExecutor(8) as pool:
        print(json.dumps([json.loads(answer) for answer in pool.map(one, requests.split(","))]))


if __name__ == "__main__":
    role, endpoint, *more = sys.argv[1:]
    rootspan.init(role, endpoint, instrument=["grpc"], metrics=False)
    {"batcher": batcher, "server": server, "balancer": balancer, "client": client}[role](*more)
