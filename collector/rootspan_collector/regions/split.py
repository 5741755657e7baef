"""Splits a request by the `cloud.region` of its resources, without looking into what the resources send.

Resource… messages are the unit: they stay as they are, byte for byte. Only the resource's own attributes are
parsed; spans, records and points are unknown fields here.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory

from rootspan_collector.errors import MalformedRequest

__all__ = ["NO_REGION", "split_by_region"]

NO_REGION = ""
_KEY = b"cloud.region"
_PACKAGE = "rootspan.regions"
_Field = descriptor_pb2.FieldDescriptorProto

# message: field -> (number, is repeated, message type or None for bytes). opentelemetry-proto 1.x; the three
# requests are alike down to the resource.
_SHAPES: dict[str, dict[str, tuple[int, bool, str | None]]] = {
    "Request": {"resources": (1, True, None)},
    "Resources": {"resource": (1, False, "Resource")},
    "Resource": {"attributes": (1, True, "KeyValue")},
    "KeyValue": {"key": (1, False, None), "value": (2, False, "AnyValue")},
    "AnyValue": {"string_value": (1, False, None)},
}


def _message_types(*names: str) -> tuple[Any, ...]:
    file = descriptor_pb2.FileDescriptorProto(name=f"{_PACKAGE}.proto", package=_PACKAGE, syntax="proto3")
    for name, fields in _SHAPES.items():
        built = file.message_type.add(name=name)
        for field, (number, is_repeated, kind) in fields.items():
            built.field.add(
                name=field,
                number=number,
                label=_Field.LABEL_REPEATED if is_repeated else _Field.LABEL_OPTIONAL,
                type=_Field.TYPE_BYTES if kind is None else _Field.TYPE_MESSAGE,
                type_name=None if kind is None else f".{_PACKAGE}.{kind}",
            )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return tuple(
        message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}")) for name in names
    )


_Request, _Resources = _message_types("Request", "Resources")


def split_by_region(body: bytes) -> dict[str, bytes]:
    """Return requests by region, in the order in which regions first occur; `body` itself if there is one.

    A resource without a region, or with several, counts as NO_REGION: where it belongs cannot be told. The
    same body always splits into the same bytes, so that a part that is sent again is known again.

    Raises:
        MalformedRequest: The bytes do not frame down to the resources' attributes.
    """
    try:
        resources = _Request.FromString(body).resources
        parts: dict[str, list[bytes]] = {}
        for one in resources:
            parts.setdefault(_region_of(one), []).append(one)
    except message.DecodeError as err:
        raise MalformedRequest(
            f"not an OTLP request: {len(body)} bytes do not parse as protobuf; check the sender's encoding"
        ) from err
    if len(parts) == 1:
        return dict.fromkeys(parts, body)
    return {region: _Request(resources=some).SerializeToString() for region, some in parts.items()}


def _region_of(resources: bytes) -> str:
    attributes = _Resources.FromString(resources).resource.attributes
    named = {one.value.string_value for one in attributes if one.key == _KEY}
    return named.pop().decode("utf-8", "replace") if len(named) == 1 else NO_REGION
