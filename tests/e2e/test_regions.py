"""Two regions, a store each: data stays where it belongs, also while the other region's store is away."""

from __future__ import annotations

import http.client
from pathlib import Path
from typing import Any

import pytest

from support import otlp_requests
from support.processes import CollectorProcess, StoreProcess, wait_until

pytestmark = pytest.mark.process


def _send(collector: CollectorProcess, *regions: str, spans: int) -> None:
    request = otlp_requests.traces(spans, resources=len(regions))
    for resource, region in zip(request.resource_spans, regions, strict=True):
        attribute = resource.resource.attributes.add()
        attribute.key, attribute.value.string_value = "cloud.region", region
    connection = http.client.HTTPConnection("127.0.0.1", collector.http_port, timeout=60)
    connection.request(
        "POST", "/v1/traces", request.SerializeToString(), {"content-type": "application/x-protobuf"}
    )
    assert connection.getresponse().status == 200
    connection.close()


def _regions(store: StoreProcess) -> str:
    return store.query("SELECT Region, count() FROM otel_traces GROUP BY Region ORDER BY Region FORMAT CSV")


def test_data_stays_in_its_region_also_while_a_store_is_away(tmp_path: Path) -> None:
    eu, us = StoreProcess(tmp_path / "eu"), StoreProcess(tmp_path / "us")
    regions = tmp_path / "regions.toml"
    regions.write_text(
        f'[stores.eu]\nurl = "{eu.url}"\nregions = ["eu-west-1"]\n'
        f'[stores.us]\nurl = "{us.url}"\nregions = ["us-east-1"]\n'
    )
    collector = CollectorProcess(
        tmp_path / "collector", us.url, environment={"ROOTSPAN_COLLECTOR_REGIONS": str(regions)}
    )
    with eu.running(), collector.running():
        _send(collector, "eu-west-1", "us-east-1", spans=10)
        # The other store is not there: its spans wait, these don't.
        wait_until(lambda: _has(eu, 10), timeout_s=60, what="the spans of eu are stored")
        collector.kill()
        with us.running():
            collector.start()
            _send(collector, "us-east-1", spans=3)
            wait_until(lambda: _has(us, 13), timeout_s=60, what="the spans of us are stored")
            assert _regions(us) == '"us-east-1",13'
            assert _regions(eu) == '"eu-west-1",10'
            wait_until(lambda: not _pending(collector), timeout_s=60, what="both logs are empty")


def _pending(collector: CollectorProcess) -> int:
    signals = _at(collector.status(), "regions")
    return sum(int(_at(_at(one, "signals", "traces"), "pending")) for one in signals.values())


def _at(value: object, *path: str) -> Any:
    for name in path:
        assert isinstance(value, dict)
        value = value[name]
    return value


def _has(store: StoreProcess, spans: int) -> bool:
    try:
        return store.number("SELECT count() FROM otel_traces") == spans
    except RuntimeError:
        return False
