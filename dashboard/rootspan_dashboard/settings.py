"""Configuration of the dashboard, from keyword arguments and ROOTSPAN_* environment variables.

Validated before any I/O. The Streamlit process reads the same names from its environment (see serve.py).
"""

from typing import Final

from pydantic import AliasChoices, Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from rootspan_store.client import StoreUrl

__all__ = ["DashboardSettings"]

DEFAULT_STORE: Final = "http://127.0.0.1:8123/otel"


class DashboardSettings(BaseSettings):
    """Settings of `rootspan dashboard`."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    store: str = Field(
        default=DEFAULT_STORE,
        validation_alias=AliasChoices("store", "ROOTSPAN_STORE"),
        description="http://[user:password@]host:port/database. ROOTSPAN_STORE",
    )
    port: int = Field(
        default=8501,
        ge=1,
        le=65535,
        validation_alias=AliasChoices("port", "ROOTSPAN_DASHBOARD_PORT"),
        description="Port to listen on. ROOTSPAN_DASHBOARD_PORT",
    )
    address: str = Field(
        default="127.0.0.1",
        validation_alias=AliasChoices("address", "ROOTSPAN_DASHBOARD_ADDRESS"),
        description="Address to listen on; there is no sign-in, so keep it local. ROOTSPAN_DASHBOARD_ADDRESS",
    )
    query_timeout_s: float = Field(
        default=30.0,
        gt=0,
        le=600,
        validation_alias=AliasChoices("query_timeout_s", "ROOTSPAN_DASHBOARD_QUERY_TIMEOUT_S"),
        description="Longest wait for one query, seconds. ROOTSPAN_DASHBOARD_QUERY_TIMEOUT_S",
    )

    gpu_hour_price: float = Field(
        default=2.0,
        ge=0,
        le=10_000,
        validation_alias=AliasChoices("gpu_hour_price", "ROOTSPAN_DASHBOARD_GPU_HOUR_PRICE"),
        description="What a GPU costs an hour, for the cost page. ROOTSPAN_DASHBOARD_GPU_HOUR_PRICE",
    )
    currency: str = Field(
        default="$",
        max_length=4,
        validation_alias=AliasChoices("currency", "ROOTSPAN_DASHBOARD_CURRENCY"),
        description="Sign that stands before that price. ROOTSPAN_DASHBOARD_CURRENCY",
    )

    @field_validator("store")
    @classmethod
    def _store_is_a_url(cls, value: str) -> str:
        StoreUrl.parse(value)
        return value

    @property
    def url(self) -> str:
        """Where a browser finds the dashboard."""
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"http://{'127.0.0.1' if host in ('0.0.0.0', '[::]') else host}:{self.port}"
