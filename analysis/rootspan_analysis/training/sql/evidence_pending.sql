-- What each rank of a group still waits for.
SELECT rank, op, seq, created_ns
FROM
(
    ${pending}
)
WHERE group = {group:String} OR rank = {rank:Int32}
ORDER BY seq, rank
