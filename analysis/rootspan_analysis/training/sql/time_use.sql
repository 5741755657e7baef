-- What the ranks' time was spent on, by the summaries that steps carry: seconds over all ranks and steps.
-- A step's phases do not overlap, and what a rank waited for collectives is taken from the phase around them.
SELECT
    sum(duration_ns) / 1e9 AS total_s,
    sum(arraySum(arrayFilter((s, phase) -> phase IN {compute:Array(String)}, mapValues(phase_seconds), mapKeys(phase_seconds)))) AS compute_s,
    sum(phase_seconds['collective']) AS collective_s,
    sum(phase_seconds['data'] + phase_seconds['h2d']) AS data_s,
    sum(phase_seconds['checkpoint']) AS checkpoint_s
FROM ${spans}
WHERE is_step AND step >= 0 AND rank >= 0 AND NOT unfinished AND notEmpty(phase_seconds)
