-- Rank x step: seconds of the whole step, and their ratio to the median of the ranks of the same stage.
-- Steps are put together in columns; only the ranks with the largest mean ratio are returned.
WITH
    cells AS
    (
        SELECT step, rank, any(dp) AS dp, any(tp) AS tp, any(pp) AS stage, any(host) AS host, sum(s) AS s
        FROM ${steps}
        GROUP BY step, rank
    ),
    ${heat_of_cells}
