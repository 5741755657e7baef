"""What orchestrators write, as they write it: which of it becomes an event, about which node."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from rootspan_agent.kubernetes import read_orchestrator
from rootspan_agent.lines import Record, read_line

NOW_NS = int(datetime(2026, 5, 4, 10, 0, tzinfo=UTC).timestamp()) * 10**9
EVICTION = {
    "apiVersion": "v1",
    "kind": "Event",
    "type": "Warning",
    "reason": "Evicted",
    "message": "The node was low on resource: memory.",
    "involvedObject": {"kind": "Pod", "namespace": "serving", "name": "ranker-6c9f7d8b5-x2x9q"},
    "source": {"component": "kubelet", "host": "gpu-17"},
    "timestamp": "2026-05-04T09:59:58Z",
}


def read(line: str) -> Record:
    return read_orchestrator(read_line(line, NOW_NS))


def test_the_kubelet_s_own_words_name_the_pod_with_its_time() -> None:
    record = read(
        "I0504 09:59:58.250000    1234 eviction_manager.go:627] "
        '"Eviction manager: pod is evicted successfully" pod="serving/ranker-6c9f7d8b5-x2x9q"'
    )
    assert (record.event, record.severity_text) == ("k8s.pod.evicted", "WARN")
    assert record.attributes == {
        "process.pid": 1234,
        "k8s.namespace.name": "serving",
        "k8s.pod.name": "ranker-6c9f7d8b5-x2x9q",
    }
    assert record.body.startswith('"Eviction manager: ')
    told = datetime.fromtimestamp(record.time_ns / 1e9)  # klog tells the machine's own time
    assert (told.month, told.day, told.minute, told.second) == (5, 4, 59, 58)


@pytest.mark.parametrize("api", ["v1", "events.k8s.io/v1"])
def test_an_event_of_the_api_is_about_the_pod_s_node(api: str) -> None:
    said = dict(EVICTION)
    if api != "v1":
        said["regarding"], said["deprecatedSource"] = said.pop("involvedObject"), said.pop("source")
    record = read(json.dumps(said))
    assert record.event == "k8s.pod.evicted"
    assert record.attributes == {
        "k8s.namespace.name": "serving",
        "k8s.pod.name": "ranker-6c9f7d8b5-x2x9q",
        "k8s.event.reason": "Evicted",
        "host.name": "gpu-17",
    }
    assert record.time_ns == NOW_NS - 2 * 10**9


@pytest.mark.parametrize(
    "line",
    [
        "node/gpu-17 drained",
        "[2026-05-04T09:59:58.123] update_node: node gpu-17 state set to DRAINING",
        "[2026-05-04T09:59:58.123] drain_nodes: node gpu-17 state set to DRAIN",
    ],
)
def test_a_drained_node_is_named_whoever_says_so(line: str) -> None:
    record = read(line)
    assert (record.event, record.severity_text) == ("k8s.node.drained", "WARN")
    assert record.attributes == {"host.name": "gpu-17"}


def test_a_node_that_takes_no_more_pods_is_no_warning() -> None:
    about = {"reason": "NodeNotSchedulable", "involvedObject": {"kind": "Node", "name": "gpu-17"}}
    for record in (read(json.dumps(about)), read("node/gpu-17 cordoned")):
        assert (record.event, record.severity_text) == ("k8s.node.cordoned", "INFO")
        assert record.attributes["host.name"] == "gpu-17"


@pytest.mark.parametrize(
    "line",
    [
        json.dumps({**EVICTION, "reason": "Pulled"}),
        json.dumps({**EVICTION, "involvedObject": "nothing"}),
        '{"involvedObject": {"kind": "Pod"',
        "node/gpu-17 uncordoned",
        "evicting pod serving/ranker-6c9f7d8b5-x2x9q",
        'W0504 09:59:58.000000 1 eviction_manager.go:371] "Eviction manager: attempting to reclaim"',
        "update_node: node gpu-17 state set to IDLE",
    ],
)
def test_other_words_are_no_events(line: str) -> None:
    record = read(line)
    assert record.event == ""
    assert "host.name" not in record.attributes
