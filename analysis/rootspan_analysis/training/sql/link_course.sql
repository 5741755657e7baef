-- How long transfers of the accused groups take, and those of the others, as a multiple of the median group's with as many bytes: over time.
SELECT toStartOfInterval(fromUnixTimestamp64Nano(from_ns, 'UTC'), toIntervalSecond({every_s:UInt32})) AS began, suspect,
    round(avg(multiple), 3) AS transfer_ratio, count() AS steps
FROM
(
    SELECT at_step, one.1 IN {groups:Array(String)} AS suspect, sum(one.4) / sum(one.3 * norm) AS multiple,
        min(min(begin_ns)) OVER (PARTITION BY at_step) AS from_ns
    FROM ${transfers}
    ARRAY JOIN those AS one
    GROUP BY at_step, suspect
)
GROUP BY began, suspect
ORDER BY began, suspect
