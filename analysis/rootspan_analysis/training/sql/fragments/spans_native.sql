(
    SELECT
        Rank AS rank, DpRank AS dp, TpRank AS tp, PpRank AS pp, WorldSize AS world_size,
        HostName AS host, Gpu AS gpu, Switch AS switch,
        Step AS step, IsStep AS is_step, Microbatch AS microbatch, Op AS op, Phase AS phase, SpanName AS name,
        PhaseSeconds AS phase_seconds, NonFinite AS nonfinite,
        CollectiveGroup AS group, GroupDescription AS description, CollectiveSeq AS seq, CollectivePeer AS peer,
        CollectiveBytes AS bytes, TimeoutMs AS timeout_ms, PointToPoint AS p2p, CollectiveState AS state,
        toUnixTimestamp64Nano(Timestamp) AS start_ns, Duration AS duration_ns, Unfinished AS unfinished
    FROM rootspan_training_spans
    WHERE ${in_window}
        AND ServiceName IN {services:Array(String)} AND JobId = {job_id:String}
        AND ({step_modulus:UInt32} = 1 OR Step % {step_modulus:UInt32} = 0)
)
