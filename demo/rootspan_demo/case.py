"""The case.json of a simulated recording: its windows, and the answer.

Owns the mapping of a truth to the pack format's labels. The answer stands in case.json only.
"""

from rootspan import semconv
from rootspan_demo.recording import Recording
from rootspan_demo.truth import PEER_SERVICE

__all__ = ["build_case"]

_LEVELS = {
    "slow-gpu": ("host", semconv.HOST_NAME),
    "region-outage": ("region", semconv.CLOUD_REGION),
    "bad-version": ("version", semconv.SERVICE_VERSION),
    "network-delay": ("edge", PEER_SERVICE),
    "error-burst": ("host", semconv.HOST_NAME),
}
"""Level of the truth and the entity's attribute that is its name."""


def build_case(recording: Recording) -> dict[str, object]:
    """What `write_pack` puts into case.json (without `signals`).

    The incident reaches from the onset to the recording's end; what lies before it is healthy. Without a
    fault the whole recording is healthy.
    """
    config, truth = recording.config, recording.truth
    start, end = config.start_unix_ns, config.end_unix_ns
    incidents = []
    onset = truth.onset_unix_ns
    if onset is not None:
        level, attribute = _LEVELS.get(truth.kind, ("host", ""))
        names = [truth.entity[attribute]] if attribute else list(truth.hosts)
        also = {"entity": dict(truth.entity), "hosts": list(truth.hosts), "detail": dict(truth.detail)}
        incidents.append(
            {
                "id": f"{truth.kind}-{config.seed}",
                "start_unix_ns": onset,
                "end_unix_ns": end,
                "onset_unix_ns": onset,
                "fault": truth.kind,
                "truth": {"level": level, "names": names},
                "also": also,
            }
        )
    return {
        "name": f"demo-{truth.kind}-{config.seed}",
        "source": "rootspan_demo",
        "licence": "Apache-2.0",
        "incidents": incidents,
        "healthy": [{"start_unix_ns": start, "end_unix_ns": end if onset is None else onset}],
        "also": {
            "hosts": config.hosts,
            "seed": config.seed,
            "load": recording.load,
            "sampling_ratio": recording.sampling_ratio,
            "counts": dict(recording.counts),
        },
    }
