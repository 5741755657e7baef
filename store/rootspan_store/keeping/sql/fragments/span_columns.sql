-- All columns of a span. One that is kept only to compare with stands for all that are not.
* REPLACE (toFloat32(Weight * if(
    TraceId IN
    (
        SELECT TraceId FROM rootspan_kept
        WHERE Window <= window_begin AND Window > window_begin - toIntervalSecond({late_s:UInt32})
        GROUP BY TraceId
        HAVING groupUniqArrayArray(Reasons) = ['ordinary']
    ),
    {one_in:UInt32}, 1)) AS Weight)
