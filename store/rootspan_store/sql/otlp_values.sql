-- OTLP's AnyValue as text, read from its protobuf bytes: the lambdas of a WITH clause.
--
-- The landing tables keep a value as the bytes of its message: a column for each member, and more for nested values, cost three
-- times as much to fill. The first byte of a value is its member's tag (number * 8 + wire type): 10 string, 16 bool, 24 int,
-- 33 double, 42 array, 50 key-value list, 58 bytes.
-- Source: protobuf encoding guide; opentelemetry/proto/common/v1/common.proto.
--
-- Every insert analyses these expressions anew, once for each use. So `arrayMap(x -> ..., [value])[1]` binds a value that is
-- needed more than once, and each lambda below is used once, but for the short ones.

-- Seven bits of each byte, lowest first, side by side.
x -> bitOr(bitAnd(x, 0x007f007f007f007f), bitShiftRight(bitAnd(x, 0x7f007f007f007f00), 1)) AS otlp_join_7,
x -> bitOr(bitAnd(x, 0x00003fff00003fff), bitShiftRight(bitAnd(x, 0x3fff00003fff0000), 2)) AS otlp_join_14,
x -> bitOr(bitAnd(x, 0x000000000fffffff), bitShiftRight(bitAnd(x, 0x0fffffff00000000), 4)) AS otlp_join_28,

-- The whole number after a tag, of up to ten bytes; bits beyond the 64th are dropped.
v -> reinterpretAsInt64(arraySum(
    i -> bitShiftLeft(bitAnd(reinterpretAsUInt64(substring(v, i + 1, 1)), 127), 7 * (i - 1)),
    range(1, toUInt64(least(length(v), 11))))) AS otlp_int,

-- What follows a tag and a length, when it reaches to the end of v: its length tells how many bytes the length took.
v -> substring(v, 3 + (length(v) > 129) + (length(v) > 16386) + (length(v) > 2097155) + (length(v) > 268435460)) AS otlp_rest,

-- A value as JSON, without following lists further: those are base64 of their bytes.
v -> multiIf(
    startsWith(v, '\x0A'), toJSONString(otlp_rest(v)),
    startsWith(v, '\x18'), toString(otlp_int(v)),
    startsWith(v, '\x21'), toJSONString(reinterpretAsFloat64(substring(v, 2))),
    startsWith(v, '\x10'), if(endsWith(v, '\0'), 'false', 'true'),
    v = '', 'null',
    toJSONString(base64Encode(otlp_rest(v)))) AS otlp_leaf_json,

-- The up to four bytes of the length of a field whose tag is at p (from 0): how many they are, and the length.
(b, p) -> reinterpretAsUInt64(substring(b, p + 2, 4)) AS otlp_after_tag,
w -> 1 + (bitAnd(w, 0x80) = 0x80) + (bitAnd(w, 0x8080) = 0x8080) + (bitAnd(w, 0x808080) = 0x808080) AS otlp_size,
(w, n) -> otlp_join_14(otlp_join_7(bitAnd(bitAnd(w, 0x7f7f7f7f), toUInt64(bitShiftLeft(toUInt64(1), 8 * n) - 1)))) AS otlp_length,

-- The length-delimited fields of b: where each begins in its own bytes, and its length; and where the last one ends. A fold goes
-- from tag to tag, and takes a step also where nothing is left: so first as many steps as fields of 32 bytes would need, then
-- more for the lists that are not through. A step costs time whatever it finds: hence the limits, which a hostile list runs into.
b -> arrayFold(
    (begun, steps) -> arrayFold(
        (state, step) -> if(
            state.1 < length(b),
            arrayMap(
                (w, n) -> arrayMap(
                    (start, size) -> (start + size, arrayPushBack(state.2, (start, size))),
                    [state.1 + 1 + n], [otlp_length(w, n)])[1],
                [otlp_after_tag(b, state.1)], [otlp_size(otlp_after_tag(b, state.1))])[1],
            state),
        range(if(begun.1 < length(b) AND length(b) <= 65536, least(steps, 4096), 0)),
        begun),
    [4 + intDiv(length(b), 32), intDiv(length(b), 8), intDiv(length(b), 2)],
    (toUInt64(0), CAST([], 'Array(Tuple(UInt64, UInt64))'))) AS otlp_fields,

-- A list as JSON: an array, or a key-value list, whose items are messages of a key (absent when empty) and a value.
v -> arrayMap(
    (b, pairs) -> arrayMap(
        walked -> if(
            walked.1 = length(b),
            concat(
                if(pairs, '{', '['),
                arrayStringConcat(
                    arrayMap(
                        (key, value) -> concat(if(pairs, concat(toJSONString(key), ':'), ''), otlp_leaf_json(value)),
                        arrayMap(item -> if(startsWith(item.1, '\x0A'), substring(item.1, item.2 + 2, item.3), ''), walked.3),
                        arrayMap(
                            item -> if(
                                pairs,
                                otlp_rest(substring(item.1, if(startsWith(item.1, '\x0A'), item.2 + item.3 + 2, 1))),
                                item.1),
                            walked.3)),
                    ','),
                if(pairs, '}', ']')),
            base64Encode(b)),
        arrayMap(
            walked -> (walked.1, walked.2, arrayMap(
                (item, w, n) -> (item, n, otlp_length(w, n)),
                arrayMap(field -> substring(b, field.1 + 1, field.2), walked.2),
                arrayMap(field -> otlp_after_tag(b, field.1), walked.2),
                arrayMap(field -> otlp_size(otlp_after_tag(b, field.1)), walked.2))),
            [otlp_fields(b)]))[1],
    [otlp_rest(v)], [startsWith(v, '\x32')])[1] AS otlp_list_json,

-- A value as text: strings as they are, numbers and booleans as JSON writes them, lists as JSON, bytes as base64. A list too
-- long to be walked, and what is none of these, is base64 of its bytes. The first test is a short string's tag and length at once.
-- What is compared as a number is compared for all values at once, what as a text for those that are left.
(v, tag, small) -> multiIf(
    reinterpretAsUInt16(v) = length(v) * 256 - 502, substring(v, 3),
    tag = 24 AND length(v) <= 8, toString(small),
    tag = 33, toString(reinterpretAsFloat64(substring(v, 2))),
    tag = 16, if(endsWith(v, '\0'), 'false', 'true'),
    tag = 24, toString(otlp_int(v)),
    v = '', '',
    tag = 10, otlp_rest(v),
    tag = 42 OR tag = 50, otlp_list_json(v),
    base64Encode(otlp_rest(v))) AS otlp_text,

-- Values as texts. A whole number of up to seven bytes is put together for all values at once, whatever they are: that costs less
-- than to pick the numbers out.
values -> arrayMap(
    (v, tag, small) -> otlp_text(v, tag, small),
    values,
    arrayMap(v -> reinterpretAsUInt8(v), values),
    arrayMap(x -> otlp_join_28(x), arrayMap(x -> otlp_join_14(x), arrayMap(x -> otlp_join_7(x), arrayMap(
        v -> bitAnd(bitShiftRight(reinterpretAsUInt64(v), 8), 0x007f7f7f7f7f7f7f), values))))) AS otlp_texts,

-- A list of KeyValue as a map of texts, sorted by key.
a -> mapSort(mapFromArrays(a.key, otlp_texts(a.value))) AS otlp_map
