-- Part of a SELECT over logs: a body without what varies from record to record.
substring(replaceRegexpAll(replaceRegexpAll(replaceRegexpAll(replaceRegexpAll(
    replaceRegexpOne(substring(if(startsWith(Body, '{'),
        coalesce(
            nullIf(JSONExtractString(Body, 'message'), ''), nullIf(JSONExtractString(Body, 'msg'), ''),
            nullIf(JSONExtractString(Body, 'event'), ''), Body),
        Body), 1, 400), '(.)[{](?s).*', '\\1{#'),
    '"[^"]*"|''[^'']*''|[[:word:]]*[0-9][[:word:].,:/-]*', '#'),
    '([a-z][[:word:]]*(=|: ?))[^][,; )(}{]+', '\\1#'),
    '[[][^][]*[,=][^][]*[]]|[(][^)(]*[,=][^)(]*[)]', '[#]'),
    '([[:word:]]*[[]?#[]]?(, ?| ))+[[:word:]]*[[]?#[]]?', '#'), 1, 160)
