"""Fetches the page of an endpoint and reads it, within bounds of time and size.

The format is Prometheus' text format, read by its own client library.
"""

import http.client
import re
import time
import urllib.error
import urllib.request
from typing import Final

from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from rootspan_agent.errors import ScrapeFailed

__all__ = ["MAX_PAGE_BYTES", "MAX_SAMPLES", "fetch_page", "read_page"]

MAX_PAGE_BYTES: Final = 16 << 20
MAX_SAMPLES: Final = 100_000
_CHUNK: Final = 64 << 10
_COUNTER: Final = re.compile(r"^# TYPE (\S+) counter$", re.MULTILINE)
_HEADERS: Final = {"Accept": "text/plain;version=0.0.4;q=1,*/*;q=0.1", "User-Agent": "rootspan-agent"}
# An endpoint is next door: the proxy that programs use for the internet is not asked.
_OPENER: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def fetch_page(url: str, timeout_s: float) -> str:
    """The page's text.

    Raises:
        ScrapeFailed: It did not come whole within the time, or is too large.
    """
    deadline = time.monotonic() + timeout_s
    held = bytearray()
    try:
        with _OPENER.open(urllib.request.Request(url, headers=_HEADERS), timeout=timeout_s) as answer:
            while chunk := answer.read1(_CHUNK):
                held += chunk
                if len(held) > MAX_PAGE_BYTES:
                    raise ScrapeFailed(f"the page is larger than {MAX_PAGE_BYTES} bytes")
                if time.monotonic() > deadline:
                    raise ScrapeFailed(f"the page did not end within {timeout_s:g} s")
    except urllib.error.HTTPError as err:
        raise ScrapeFailed(f"HTTP status {err.code}") from err
    except (OSError, http.client.HTTPException) as err:
        raise ScrapeFailed(f"{getattr(err, 'reason', None) or err or type(err).__name__}") from err
    return held.decode(errors="replace")


def read_page(text: str) -> list[Metric]:
    """Its metrics with their samples.

    Raises:
        ScrapeFailed: A line cannot be read, or there are too many.
    """
    try:
        found = list(text_string_to_metric_families(text))
    except ValueError as err:
        raise ScrapeFailed(f"the page is not in Prometheus' text format: {err}") from err
    # The library writes counters as OpenMetrics does, with _total; DCGM's have none, and keep their names.
    bare = set(_COUNTER.findall(text))
    for one in found:
        if one.type == "counter" and one.name in bare:
            one.samples = [sample._replace(name=one.name) for sample in one.samples]
    samples = sum(len(one.samples) for one in found)
    if samples > MAX_SAMPLES:
        raise ScrapeFailed(f"the page has {samples} samples, more than {MAX_SAMPLES}")
    return found
