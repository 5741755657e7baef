"""Regions: requests are split by resource, and what may be stored nowhere is refused and told."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from running import call, closed_port, collector, metrics

from rootspan_cli.collector_channel import CollectorAddress
from rootspan_cli.doctor.collector_status import read_status
from rootspan_collector.errors import ConfigurationError, MalformedRequest
from rootspan_collector.regions.residency import Residency
from rootspan_collector.regions.split import NO_REGION, split_by_region
from support import otlp_requests

_REGIONS = ("eu-west-1", "us-east-1", None)


def _request(*regions: str | None) -> bytes:
    """A resource a region, two spans each."""
    request = otlp_requests.traces(2, resources=len(regions))
    for resource, region in zip(request.resource_spans, regions, strict=True):
        if region is not None:
            attribute = resource.resource.attributes.add()
            attribute.key, attribute.value.string_value = "cloud.region", region
    return bytes(request.SerializeToString())


def _spans(body: bytes) -> set[bytes]:
    request = otlp_requests.ExportTraceServiceRequest.FromString(body)
    return {s.span_id for r in request.resource_spans for scope in r.scope_spans for s in scope.spans}


@given(st.lists(st.sampled_from(_REGIONS), min_size=1, max_size=8))
def test_every_resource_goes_whole_to_its_region(regions: list[str | None]) -> None:
    body = _request(*regions)
    parts = split_by_region(body)
    assert list(parts) == list(dict.fromkeys(region or NO_REGION for region in regions))
    assert split_by_region(body) == parts
    assert set().union(*map(_spans, parts.values())) == _spans(body)
    for region, part in parts.items():
        request = otlp_requests.ExportTraceServiceRequest.FromString(part)
        assert len(request.resource_spans) == sum((one or NO_REGION) == region for one in regions)
        for resource in request.resource_spans:
            named = [a.value.string_value for a in resource.resource.attributes if a.key == "cloud.region"]
            assert named == ([region] if region else [])


def test_a_request_of_one_region_is_left_as_it_is() -> None:
    body = _request("eu-west-1", "eu-west-1")
    assert split_by_region(body)["eu-west-1"] is body


def test_a_region_that_only_a_span_names_does_not_count_and_two_are_none() -> None:
    request = otlp_requests.traces(1)
    attribute = request.resource_spans[0].scope_spans[0].spans[0].attributes.add()
    attribute.key, attribute.value.string_value = "cloud.region", "eu-west-1"
    assert list(split_by_region(request.SerializeToString())) == [NO_REGION]
    for region in ("eu-west-1", "us-east-1"):
        attribute = request.resource_spans[0].resource.attributes.add()
        attribute.key, attribute.value.string_value = "cloud.region", region
    assert list(split_by_region(request.SerializeToString())) == [NO_REGION]


def test_what_does_not_frame_is_malformed() -> None:
    with pytest.raises(MalformedRequest):
        split_by_region(_request("eu-west-1")[:-3])


def _regions_file(folder: Path, *, strict: bool = True) -> Path:
    path = folder / "regions.toml"
    path.write_text(
        f"strict = {str(strict).lower()}\n[stores.eu]\n"
        f'url = "http://127.0.0.1:{closed_port()}/otel"\nregions = ["eu-west-1", "eu-central-1"]\n'
    )
    return path


def test_strict_residency_refuses_by_sender_and_reason_and_logs_nothing(tmp_path: Path) -> None:
    with collector(tmp_path, collector_regions=_regions_file(tmp_path)) as running:
        for body in (_request("ap-south-1"), _request(None), _request("eu-west-1", "ap-south-1")):
            answer = call(running, "/v1/traces", body)
            assert answer.status == 403
            assert b"stored nowhere else" in answer.body
        assert call(running, "/v1/traces", _request("eu-central-1")).status == 200
        told = metrics(running)
        status = read_status(CollectorAddress(running.grpc_address))
    (refused_by,) = status.signals["traces"].refused_by
    assert status.pending == status.regions["eu"].pending == 2
    assert (refused_by.reason, refused_by.requests, refused_by.items) == ("residency", 3, 8)
    assert "region 'ap-south-1' has no store here" in refused_by.last_error
    assert refused_by.last_unix_s > 0
    refused = {name: value for name, value in told.items() if 'reason="residency"' in name}
    assert sorted(refused.values()) == [3, 2 + 2 + 4]
    assert any("refused_items" in name and 'sender="127.0.0.1' in name for name in refused)
    pending = {name: value for name, value in told.items() if "items_pending" in name and value}
    assert pending == {'rootspan_collector_items_pending{store="eu",signal="traces"}': 2}


def test_without_strictness_other_regions_are_kept_at_home(tmp_path: Path) -> None:
    with collector(tmp_path, collector_regions=_regions_file(tmp_path, strict=False)) as running:
        assert call(running, "/v1/traces", _request("eu-west-1", "ap-south-1", None)).status == 200
        told = metrics(running)
    pending = {name: value for name, value in told.items() if "items_pending" in name and value}
    assert pending == {
        'rootspan_collector_items_pending{signal="traces"}': 4,
        'rootspan_collector_items_pending{store="eu",signal="traces"}': 2,
    }


def test_a_request_sent_again_is_known_in_each_region(tmp_path: Path) -> None:
    body = _request("eu-west-1", "ap-south-1")
    with collector(tmp_path, collector_regions=_regions_file(tmp_path, strict=False)) as running:
        assert [call(running, "/v1/traces", body).status for _ in range(3)] == [200] * 3
        told = metrics(running)
    assert {value for name, value in told.items() if 'signal="traces",outcome="accepted"' in name} == {2}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("strict = 1\n[stores.eu]\nurl='http://h/otel'\nregions=['a']", "strict is 1"),
        ("[stores.eu]\nurl='nowhere'\nregions=['a']", "eu: "),
        ("[stores.eu]\nurl='http://h/otel'\nregions=[]", "not a list of names"),
        ("[stores.'../x']\nurl='http://h/otel'\nregions=['a']", "names a folder"),
        (
            "[stores.eu]\nurl='http://h/otel'\nregions=['a']\n[stores.us]\nurl='http://h/otel'\nregions=['a']",
            "both eu and us",
        ),
        ("stores = 3", "expected strict and tables"),
    ],
)
def test_a_regions_file_that_is_wrong_says_what(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "regions.toml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=said):
        Residency.read(path)
