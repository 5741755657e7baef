-- Step numbers of a job in a window.
SELECT DISTINCT step
FROM ${spans}
WHERE step >= 0 AND NOT unfinished AND (is_step OR NOT ${steps_only})
ORDER BY step
