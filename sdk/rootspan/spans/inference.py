"""What a model used and answered, on the span of its run, by OpenTelemetry's `gen_ai.*` names."""

from __future__ import annotations

from collections.abc import Sequence

from rootspan import semconv
from rootspan.config.settings import AttributeValue
from rootspan.spans.scope import set_attributes


def set_usage(
    *,
    input_tokens: int | None = None,
    output_tokens: int | None = None,
    cached_tokens: int | None = None,
    model: str | None = None,
    finish_reasons: Sequence[str] | None = None,
) -> None:
    """Note on the current span what a run took; does nothing without one. None leaves a value out.

    Args:
        input_tokens: Tokens of the prompt, those from a cache included.
        output_tokens: Tokens of the answer.
        cached_tokens: Tokens of the prompt that came from a cache.
        model: The model that answered, where it differs from the one asked for.
        finish_reasons: Why each answer ended, e.g. ["stop"].
    """
    said: dict[str, AttributeValue | None] = {
        semconv.GEN_AI_INPUT_TOKENS: input_tokens,
        semconv.GEN_AI_OUTPUT_TOKENS: output_tokens,
        semconv.GEN_AI_CACHED_TOKENS: cached_tokens,
        semconv.GEN_AI_RESPONSE_MODEL: model,
        semconv.GEN_AI_FINISH_REASONS: finish_reasons,
    }
    set_attributes({key: value for key, value in said.items() if value is not None})
