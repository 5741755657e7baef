"""Reads what orchestrators say of pods and nodes: evictions, drained nodes. Pure.

Knows Kubernetes' events as JSON (one object a line, as event exporters and `kubectl get events -o json` write
them), the kubelet's own words, `kubectl drain`'s, and Slurm's controller's. Each becomes a named event about
the node, so that whoever asks needs not know who said it.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from rootspan import semconv
from rootspan_agent.lines import Record

__all__ = ["read_orchestrator"]

_POD_EVICTED: Final = frozenset({"Evicted", "TaintManagerEviction", "Preempted"})
"""Reasons of events about pods that had to go: kubelet, taint manager, scheduler."""
_NODE: Final[Mapping[str, str]] = {
    "NodeNotSchedulable": semconv.EVENT_NODE_CORDONED,
    "Drain": semconv.EVENT_NODE_DRAINED,
    "Draining": semconv.EVENT_NODE_DRAINED,
    "Drained": semconv.EVENT_NODE_DRAINED,
}
"""Events about nodes by reason: the kubelet's own, and those of operators that drain."""
_KUBELET: Final = re.compile(
    r'Eviction manager: pod is evicted successfully"? pod="(?P<namespace>[^/"]+)/(?P<pod>[^"]+)"'
)
_KUBECTL: Final = re.compile(r"node/(?P<node>[\w.-]+) (?P<what>cordoned|drained)\s*\Z")
_SLURM: Final = re.compile(r"(?:update_node|drain_nodes): node (?P<node>[\w.-]+) state set to DRAIN")
_WARN, _INFO = (13, "WARN"), (9, "INFO")


def read_orchestrator(record: Record) -> Record:
    """The record with its event and attributes, if an orchestrator says in it what happened."""
    body = record.body
    if body.startswith("{") and ('"involvedObject"' in body or '"regarding"' in body):
        return _of_event(record)
    if "Eviction manager" in body and (match := _KUBELET.search(body)):
        pod = {semconv.K8S_NAMESPACE: match["namespace"], semconv.K8S_POD_NAME: match["pod"]}
        return record.telling(semconv.EVENT_POD_EVICTED, pod, _WARN)
    if body.startswith("node/") and (match := _KUBECTL.match(body)):
        drained = match["what"] == "drained"
        event = semconv.EVENT_NODE_DRAINED if drained else semconv.EVENT_NODE_CORDONED
        return _of_node(record, event, match["node"])
    if "state set to DRAIN" in body and (match := _SLURM.search(body)):
        return _of_node(record, semconv.EVENT_NODE_DRAINED, match["node"])
    return record


def _of_event(record: Record) -> Record:
    try:
        said: Any = json.loads(record.body)
    except ValueError:
        return record
    about = said.get("involvedObject") or said.get("regarding")
    if not isinstance(about, dict):
        return record
    reason, name = str(said.get("reason", "")), str(about.get("name", ""))
    if about.get("kind") == "Node" and reason in _NODE:
        return _of_node(record, _NODE[reason], name, reason=reason)
    if about.get("kind") == "Pod" and reason in _POD_EVICTED:
        source = said.get("source") or said.get("deprecatedSource")
        node = source.get("host", "") if isinstance(source, dict) else ""
        told = {
            semconv.K8S_NAMESPACE: str(about.get("namespace", "")),
            semconv.K8S_POD_NAME: name,
            semconv.K8S_EVENT_REASON: reason,
            semconv.HOST_NAME: str(node),
        }
        return record.telling(
            semconv.EVENT_POD_EVICTED, {key: one for key, one in told.items() if one}, _WARN
        )
    return record


def _of_node(record: Record, event: str, node: str, *, reason: str = "") -> Record:
    """About that node, whoever says it: a controller tells of other machines than its own."""
    told = {semconv.K8S_EVENT_REASON: reason, semconv.HOST_NAME: node}
    # A node that takes no more work is no loss yet.
    severity = _INFO if event == semconv.EVENT_NODE_CORDONED else _WARN
    return record.telling(event, {key: one for key, one in told.items() if one}, severity)
