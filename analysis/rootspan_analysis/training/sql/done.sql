-- The last collective of each group that each rank saw end.
SELECT rank, group, max(seq) AS last_seq
FROM
(
    SELECT rank, attributes AS told, ${collective_columns}
    FROM ${spans}
    WHERE NOT unfinished AND phase = 'collective' AND NOT is_step
)
WHERE rank >= 0 AND group != '' AND NOT p2p AND seq >= 0
GROUP BY rank, group
