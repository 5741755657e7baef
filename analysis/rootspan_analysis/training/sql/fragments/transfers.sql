(
    -- Transfers of a step that are alike (operation, size, members), and what one takes in the median group, seconds a byte.
    -- A transfer lasts as long as its last member waits: its shortest member, so clocks need not agree.
    SELECT at_step, groupArray((channel, what, size, took_s, hosts, switches, ranks)) AS those,
        quantileExactLow(0.5)(took_s / size) AS norm, uniqExact(channel) AS groups, min(first_ns) AS begin_ns
    FROM
    (
        SELECT
            -- Sends and receives count per group and pair of ranks.
            if(t.p2p AND t.peer >= 0, concat(toString(t.group), ' ', toString(least(t.rank, t.peer)), '-', toString(greatest(t.rank, t.peer))),
                toString(t.group)) AS channel,
            seq, any(t.step) AS at_step, any(if(t.p2p, 'p2p', toString(t.op))) AS what, max(t.bytes) AS size,
            count() AS members, min(t.duration_ns) / 1e9 AS took_s, min(t.start_ns) AS first_ns,
            arraySort(groupUniqArray(toString(t.host))) AS hosts, arraySort(groupUniqArray(toString(t.switch))) AS switches,
            arraySort(groupUniqArray(t.rank)) AS ranks
        FROM ${spans} AS t
        WHERE t.phase = 'collective' AND NOT t.is_step AND NOT t.unfinished AND t.step >= 0 AND t.group != '' AND t.seq >= 0
            AND t.bytes > 0 AND t.state = ''
        GROUP BY channel, seq
        HAVING members >= 2
    )
    GROUP BY at_step, what, toInt32(round(log2(size))), members
    HAVING groups >= 3 AND norm > 0
)
