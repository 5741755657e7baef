"""The reference fleet, simulated in virtual time and sent as OTLP."""

from rootspan_demo.case import build_case
from rootspan_demo.config import FAULT_NAMES, FaultName, FleetConfig
from rootspan_demo.errors import ConfigError, DeliveryError, DemoError, PackError
from rootspan_demo.otlp import OtlpRequest, Signal
from rootspan_demo.packs import Pack, open_pack, write_pack
from rootspan_demo.recording import Recording, simulate
from rootspan_demo.send import SendReport, SendSettings, send
from rootspan_demo.truth import Truth

__all__ = [
    "FAULT_NAMES",
    "ConfigError",
    "DeliveryError",
    "DemoError",
    "FaultName",
    "FleetConfig",
    "OtlpRequest",
    "Pack",
    "PackError",
    "Recording",
    "SendReport",
    "SendSettings",
    "Signal",
    "Truth",
    "build_case",
    "open_pack",
    "send",
    "simulate",
    "write_pack",
]
