"""Who may send: tokens, client certificates, quotas; and that nobody's word about a tenant is believed."""

from __future__ import annotations

import hashlib
import ssl
import time
from pathlib import Path

import grpc
import pytest
import trustme
from cryptography import x509
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from running import call, collector, metrics
from wal_bench import requests_in

from rootspan_cli.collector_channel import CollectorAddress
from rootspan_cli.doctor.collector_status import CollectorUnreachable, read_status
from rootspan_collector.errors import ConfigurationError, QuotaExceeded, Unauthenticated
from rootspan_collector.quarantine import Quarantine
from rootspan_collector.senders.caller import TENANT_FIELD, Tenant
from rootspan_collector.senders.quota import Quota
from rootspan_collector.senders.refusals import Refusals
from rootspan_collector.senders.tenants import TenantsFile
from rootspan_collector.senders.worth import Worth, worth_of
from rootspan_collector.server import Collector, check_settings
from rootspan_collector.settings import load_settings
from rootspan_collector.wal.recovery import recover
from rootspan_store.ingest import Signal
from support import otlp_requests as otlp
from support.processes import wait_until

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
STATUS = "/rootspan.collector.v1.Status/Get"
OPTIONS = [("grpc.use_local_subchannel_pool", 1)]
UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED


def tenants_file(folder: Path, **tenants: str) -> Path:
    """Tenants by name, each with a token of its own name and further lines."""
    path = folder / "tenants.toml"
    path.write_text(
        "".join(
            f'[tenants.{name}]\ntoken_sha256 = ["{hashlib.sha256(name.encode()).hexdigest()}"]\n{lines}\n'
            for name, lines in tenants.items()
        )
    )
    return path


def token(name: str) -> dict[str, str]:
    return {"authorization": f"Bearer {name}"}


def export(
    running: Collector, body: bytes, credentials: dict[str, str], method: str = EXPORT
) -> grpc.StatusCode:
    with grpc.insecure_channel(running.grpc_address, options=OPTIONS) as channel:
        return code_of(channel, method, body, credentials)


def code_of(channel: grpc.Channel, method: str, body: bytes, credentials: dict[str, str]) -> grpc.StatusCode:
    call = channel.unary_unary(method).future(body, timeout=5, metadata=tuple(credentials.items()))
    return call.code()


def logged(folder: Path) -> list[bytes]:
    """The requests in the log, as the store would get them."""
    found = recover(folder / "wal", Signal.TRACES, Quarantine(folder / "wal" / "quarantine"))
    bodies = []
    for segment in found.segments:
        with segment.open(verify=True) as view:
            bodies += requests_in(view)
    return bodies


def test_without_a_known_token_nothing_is_taken_by_grpc_or_http(tmp_path: Path) -> None:
    path = tenants_file(tmp_path, search="", ads="")
    body = otlp.traces(2).SerializeToString()
    with collector(tmp_path, collector_tenants=path) as running:
        for credentials in ({}, token("wrong"), {"authorization": "Basic c2VhcmNo"}):
            assert export(running, body, credentials) is UNAUTHENTICATED
            answer = call(running, "/v1/traces", body, headers=credentials)
            assert answer.status == 401
            assert answer.headers["www-authenticate"].startswith("Bearer")
            assert call(running, "/metrics", headers=credentials).status == 401
            assert export(running, b"", credentials, STATUS) is UNAUTHENTICATED
        assert export(running, body, token("search")) is grpc.StatusCode.OK
        assert export(running, b"", token("search"), STATUS) is grpc.StatusCode.OK
        assert call(running, "/v1/traces", body, headers=token("ads")).status == 200
        assert call(running, "/healthz").status == 200
        counted = metrics(running, token("ads"))
        # The same bytes of two tenants are two requests.
        assert counted['rootspan_collector_items_total{signal="traces",outcome="accepted"}'] == 4
        name = "rootspan_collector_refused_requests_total"
        assert counted[f'{name}{{signal="traces",sender="127.0.0.1",reason="unauthenticated"}}'] == 6


def test_the_tenant_is_written_by_the_collector_whatever_the_sender_says(tmp_path: Path) -> None:
    request = otlp.traces(2)
    forged = request.SerializeToString() + Tenant.named("ads").mark
    with collector(tmp_path, collector_tenants=tenants_file(tmp_path, search="")) as running:
        assert export(running, forged, token("search")) is grpc.StatusCode.OK
    (body,) = logged(tmp_path)
    assert body == request.SerializeToString() + Tenant.named("search").mark
    # Still the same OTLP request to whoever knows nothing of the field.
    assert ExportTraceServiceRequest.FromString(body).resource_spans == request.resource_spans
    assert TENANT_FIELD == 1000
    assert body.endswith(b"\xc2\x3e\x06search")


def test_without_tenants_a_forged_one_is_dropped(tmp_path: Path) -> None:
    request = otlp.traces(2).SerializeToString()
    with collector(tmp_path) as running:
        assert export(running, request + Tenant.named("ads").mark, {}) is grpc.StatusCode.OK
    assert logged(tmp_path) == [request]


def test_changes_of_the_file_are_taken_over_and_a_broken_file_changes_nothing(tmp_path: Path) -> None:
    path = tenants_file(tmp_path, search="")
    body = otlp.traces(1).SerializeToString()
    with collector(tmp_path, collector_tenants=path) as running:
        assert export(running, body, token("ads")) is UNAUTHENTICATED
        path.write_text("this is no TOML")
        time.sleep(1.2)
        assert export(running, body, token("search")) is grpc.StatusCode.OK
        tenants_file(tmp_path, ads="")
        wait_until(
            lambda: export(running, body, token("ads")) is grpc.StatusCode.OK,
            timeout_s=10,
            what="the new tenant may send",
        )
        assert export(running, body, token("search")) is UNAUTHENTICATED


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "expected tables"),
        ("[tenants]", "expected tables"),
        ("x = 1\n[tenants.a]", "expected tables"),
        ('[tenants."no spaces"]', "no spaces"),
        ("[tenants.a]\nmax_bytes = 3", "expected certificates"),
        ("[tenants.a]\nmax_bytes_per_s = -3", "above 0"),
        ('[tenants.a]\ntoken_sha256 = ["abc"]', "64 hex digits"),
        ('[tenants.a]\ntoken_sha256 = "abc"', "list of strings"),
        ('[tenants.a]\ncertificates = ["x"]\n[tenants.b]\ncertificates = ["x"]', "share a token"),
    ],
)
def test_what_is_wrong_with_the_file_is_said(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "tenants.toml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=words):
        check_settings(load_settings(collector_tenants=path))


def test_a_tenant_over_its_quota_is_told_when_to_come_back_and_the_others_go_on(tmp_path: Path) -> None:
    path = tenants_file(tmp_path, small="max_items_per_s = 10", large="")
    with collector(tmp_path, collector_tenants=path) as running:
        bodies = [otlp.traces(100).SerializeToString() for _ in range(3)]
        assert call(running, "/v1/traces", bodies[0], headers=token("small")).status == 200
        answer = call(running, "/v1/traces", bodies[1], headers=token("small"))
        assert answer.status == 429
        assert 1 <= int(answer.headers["retry-after"]) <= 6
        assert export(running, bodies[1], token("small")) is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert call(running, "/v1/traces", bodies[2], headers=token("large")).status == 200
        name = 'rootspan_collector_refused_items_total{signal="traces",sender="small",reason="quota"}'
        assert metrics(running, token("large"))[name] == 200


def test_a_quota_is_earned_back_with_time_and_bursts_are_bounded() -> None:
    now_s = 0.0
    quota = Quota(bytes_per_s=100, items_per_s=1000, now_s=lambda: now_s)
    quota.take(599, 1)
    quota.take(101, 1)  # into debt: what is larger than the burst must be possible at all
    with pytest.raises(QuotaExceeded) as caught:
        quota.take(1, 1)
    assert caught.value.retry_s == pytest.approx(1.0)
    now_s = 1.0
    quota.take(1, 1)
    now_s = 1000.0
    quota.take(600, 1)
    quota.take(1, 1)
    with pytest.raises(QuotaExceeded, match="100 bytes a second"):
        quota.take(1, 1)


def test_refusals_are_counted_for_a_bounded_number_of_senders() -> None:
    refusals = Refusals()
    for number in range(5000):
        refusals.count(f"10.0.{number // 256}.{number % 256}", "quota", 2, "more than this tenant may")
    counted = refusals.snapshot()
    assert len(counted) <= 1001
    assert sum(one.requests for one in counted.values()) == 5000
    assert sum(one.items for one in counted.values()) == 10_000
    assert {one.last_error for one in counted.values()} == {"more than this tenant may"}


def test_errors_and_steps_are_worth_most_and_debug_and_health_least() -> None:
    ordinary = otlp.traces(3)
    failed = otlp.traces(3)
    failed.resource_spans[0].scope_spans[0].spans[1].status.code = 2
    explained = otlp.traces(3)
    explained.resource_spans[0].scope_spans[0].spans[1].status.code = 2
    explained.resource_spans[0].scope_spans[0].spans[1].status.message = "out of memory on device 3"
    step = otlp.traces(1, name="train.step")
    health = otlp.traces(2, name="GET /healthz")
    mixed = otlp.traces(2, name="GET /healthz")
    mixed.resource_spans.extend(otlp.traces(1).resource_spans)
    for request, worth in (
        (ordinary, Worth.ORDINARY),
        (failed, Worth.HIGH),
        (explained, Worth.HIGH),
        (step, Worth.HIGH),
        (health, Worth.LOW),
        (mixed, Worth.ORDINARY),
    ):
        items = sum(len(scope.spans) for one in request.resource_spans for scope in one.scope_spans)
        assert worth_of(Signal.TRACES, request.SerializeToString(), items) is worth
    for severities, worth in (
        ((0,), Worth.ORDINARY),
        ((5, 5), Worth.LOW),
        ((5, 9), Worth.ORDINARY),
        ((5, 0), Worth.ORDINARY),
        ((5, 17), Worth.HIGH),
    ):
        request_of_logs = otlp.logs(len(severities))
        records = request_of_logs.resource_logs[0].scope_logs[0].log_records
        for record, severity in zip(records, severities, strict=True):
            record.severity_number = severity
        assert worth_of(Signal.LOGS, request_of_logs.SerializeToString(), len(severities)) is worth


@pytest.mark.parametrize("name", ["collector_grpc", "collector_http"])
@pytest.mark.parametrize("host", ["0.0.0.0", "[::]", "10.1.2.3"])
def test_listening_publicly_needs_authentication_or_an_explicit_word(
    tmp_path: Path, name: str, host: str
) -> None:
    with pytest.raises(ConfigurationError, match="--insecure"):
        load_settings(**{name: f"{host}:4317"})
    load_settings(**{name: f"{host}:4317", "collector_insecure": True})
    load_settings(**{name: f"{host}:4317", "collector_tenants": tmp_path / "tenants.toml"})


class Authority:
    """A certificate authority, and files of what it issues."""

    def __init__(self, folder: Path) -> None:
        self.ca = trustme.CA()
        self.folder = folder
        self.ca_file = folder / "ca.pem"
        self.ca.cert_pem.write_to_path(self.ca_file)
        self.certificate, self.key = folder / "server.pem", folder / "server.key"
        self.issue_server()

    def issue_server(self) -> None:
        issued = self.ca.issue_cert("localhost", "127.0.0.1")
        issued.private_key_pem.write_to_path(self.key)
        self.certificate.write_bytes(b"".join(one.bytes() for one in issued.cert_chain_pems))

    def client(self, name: str) -> tuple[bytes, bytes]:
        """Key and chain."""
        issued = self.ca.issue_cert(name)
        return issued.private_key_pem.bytes(), b"".join(one.bytes() for one in issued.cert_chain_pems)

    def settings(self, *, mutual: bool = False) -> dict[str, object]:
        told = {"collector_tls_certificate": self.certificate, "collector_tls_key": self.key}
        return told | ({"collector_tls_client_ca": self.ca_file} if mutual else {})

    def export(self, running: Collector, body: bytes, client: tuple[bytes, bytes] | None) -> grpc.StatusCode:
        key, chain = client or (None, None)
        credentials = grpc.ssl_channel_credentials(self.ca_file.read_bytes(), key, chain)
        address = running.grpc_address.replace("127.0.0.1", "localhost")
        with grpc.secure_channel(address, credentials, OPTIONS) as channel:
            return code_of(channel, EXPORT, body, {})


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def test_with_mutual_tls_the_certificate_says_who_sends(tmp_path: Path, authority: Authority) -> None:
    path = tenants_file(tmp_path, search='certificates = ["search.example"]')
    body = otlp.traces(1).SerializeToString()
    with collector(tmp_path, collector_tenants=path, **authority.settings(mutual=True)) as running:
        assert authority.export(running, body, authority.client("search.example")) is grpc.StatusCode.OK
        assert authority.export(running, body, authority.client("ads.example")) is UNAUTHENTICATED
        assert authority.export(running, body, None) is grpc.StatusCode.UNAVAILABLE
    assert logged(tmp_path) == [body + Tenant.named("search").mark]


def test_http_over_tls_wants_the_client_certificate_too(tmp_path: Path, authority: Authority) -> None:
    body = otlp.traces(1).SerializeToString()
    with collector(tmp_path, **authority.settings(mutual=True)) as running:
        context = ssl.create_default_context(cafile=str(authority.ca_file))
        with pytest.raises((ssl.SSLError, ConnectionError)):
            call(running, "/v1/traces", body, tls=context)
        authority.ca.issue_cert("search.example").configure_cert(context)
        assert call(running, "/v1/traces", body, tls=context).status == 200
        newer = trustme.CA()
        newer.cert_pem.write_to_path(authority.ca_file)
        newer.issue_cert("search.example").configure_cert(context)
        wait_until(lambda: _is_let_in(running, body, context), timeout_s=30, what="the new CA is known")


def _is_let_in(running: Collector, body: bytes, tls: ssl.SSLContext) -> bool:
    try:
        return call(running, "/v1/traces", body, tls=tls).status == 200
    except (ssl.SSLError, ConnectionError):
        return False


def test_doctor_reaches_a_collector_that_speaks_tls_and_wants_a_token(
    tmp_path: Path, authority: Authority
) -> None:
    path = tenants_file(tmp_path, search="")
    body = otlp.traces(2).SerializeToString()
    with collector(tmp_path, collector_tenants=path, **authority.settings()) as running:
        target = running.grpc_address.replace("127.0.0.1", "localhost")
        for address in (CollectorAddress(target), CollectorAddress(target, authority.ca_file)):
            with pytest.raises(CollectorUnreachable):
                read_status(address, timeout_s=2)
        known = CollectorAddress(target, authority.ca_file, "search")
        with known.channel() as channel:
            for _ in range(2):
                channel.unary_unary(EXPORT)(body, timeout=5, metadata=known.metadata)
        traces = read_status(known).signals["traces"]
        assert (traces.accepted, traces.repeated) == (2, 2)


def _serial(running: Collector, address: str | None) -> int:
    assert address is not None
    host, _, port = address.rpartition(":")
    pem = ssl.get_server_certificate((host, int(port)))
    return x509.load_pem_x509_certificate(pem.encode()).serial_number


def test_a_renewed_certificate_is_shown_without_a_restart(tmp_path: Path, authority: Authority) -> None:
    with collector(tmp_path, **authority.settings()) as running:
        addresses = (running.grpc_address, running.http_address)
        before = [_serial(running, one) for one in addresses]
        authority.key.write_text("no key at all")
        time.sleep(1.2)
        assert [_serial(running, one) for one in addresses] == before
        # Half a renewal: the key does not fit the chain yet.
        authority.ca.issue_cert("localhost").private_key_pem.write_to_path(authority.key)
        time.sleep(1.2)
        assert [_serial(running, one) for one in addresses] == before
        authority.issue_server()
        wait_until(
            lambda: all(_serial(running, one) != old for one, old in zip(addresses, before, strict=True)),
            timeout_s=30,
            what="both show the new certificate",
        )
        assert authority.export(running, otlp.traces(1).SerializeToString(), None) is grpc.StatusCode.OK


def test_tls_files_that_do_not_fit_are_an_error_that_names_them(tmp_path: Path, authority: Authority) -> None:
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other")
    with pytest.raises(ConfigurationError, match=r"server\.pem"):
        check_settings(
            load_settings(collector_tls_certificate=authority.certificate, collector_tls_key=other.key)
        )
    with pytest.raises(ConfigurationError, match="needs its key"):
        load_settings(collector_tls_certificate=authority.certificate)


def test_a_token_counts_more_than_a_certificate_and_neither_is_refused(tmp_path: Path) -> None:
    tenants = TenantsFile(tenants_file(tmp_path, search='certificates = ["ads.example"]', ads=""))
    assert tenants.identify("Bearer ads", ["ads.example"]).name == "ads"
    assert tenants.identify(None, ["other", "ads.example"]).name == "search"
    with pytest.raises(Unauthenticated):
        tenants.identify(None, ["other"])
