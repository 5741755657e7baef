-- How long each group's transfers take beyond what the same operation of the same size takes in other groups.
-- A transfer lasts as long as its last member waits: its shortest member, so clocks need not agree.
WITH
    transfers AS
    (
        SELECT
            -- Sends and receives count per group and pair of ranks.
            if(t.p2p AND t.peer >= 0, concat(toString(t.group), ' ', toString(least(t.rank, t.peer)), '-', toString(greatest(t.rank, t.peer))),
                toString(t.group)) AS channel,
            seq, any(t.step) AS at_step, any(if(t.p2p, 'p2p', toString(t.op))) AS what, max(t.bytes) AS size,
            count() AS members, min(t.duration_ns) / 1e9 AS took_s,
            arraySort(groupUniqArray(toString(t.host))) AS hosts, arraySort(groupUniqArray(toString(t.switch))) AS switches,
            arraySort(groupUniqArray(t.rank)) AS ranks
        FROM ${spans} AS t
        WHERE t.phase = 'collective' AND NOT t.is_step AND NOT t.unfinished AND t.step >= 0 AND t.group != '' AND t.seq >= 0
            AND t.bytes > 0 AND t.state = ''
        GROUP BY channel, seq
        HAVING members >= 2
    ),
    compared AS
    (
        SELECT at_step, groupArray((channel, what, size, took_s, hosts, switches, ranks)) AS those,
            quantileExactLow(0.5)(took_s / size) AS norm, uniqExact(channel) AS groups
        FROM transfers
        GROUP BY at_step, what, toInt32(round(log2(size))), members
        HAVING groups >= 3 AND norm > 0
    )
SELECT name, any(op) AS op, any(hosts) AS hosts, any(switches) AS switches, any(ranks) AS ranks,
    arraySort(groupArray((step, log(sum_s / sum_norm_s), sum_s - sum_norm_s))) AS series,
    series.1 AS at_steps, series.2 AS lag, series.3 AS excess
FROM
(
    SELECT one.1 AS name, at_step AS step, any(one.2) AS op, any(one.5) AS hosts, any(one.6) AS switches, any(one.7) AS ranks,
        sum(one.4) AS sum_s, sum(one.3 * norm) AS sum_norm_s
    FROM compared
    ARRAY JOIN those AS one
    GROUP BY name, at_step
)
GROUP BY name
ORDER BY sum(greatest(sum_s - sum_norm_s, 0)) DESC
LIMIT 20000
