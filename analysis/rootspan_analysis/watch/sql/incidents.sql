-- Incidents in their latest state, newest onset first. Empty names and zero times mean no restriction.
SELECT
    Id AS id,
    toUnixTimestamp64Nano(Onset) AS onset_ns,
    toUnixTimestamp64Nano(Opened) AS opened_ns,
    toUnixTimestamp64Nano(Updated) AS updated_ns,
    toUnixTimestamp64Nano(Closed) AS closed_ns,
    State AS state, Severity AS severity, Kind AS kind, Service AS service, Operation AS operation, Job AS job,
    Title AS title, Observed AS observed, Expected AS expected, Unit AS unit,
    Symptoms AS symptoms, Verdict AS verdict, Causes AS causes,
    if({with_explanation:UInt8}, Explanation, '') AS explanation,
    Requests AS requests, BadRequests AS bad_requests, Errors AS errors, ExcessSeconds AS excess_s, GpuHours AS gpu_hours,
    Services AS services, Hosts AS hosts, Regions AS regions, EngineVersion AS engine_version
FROM rootspan_incidents FINAL
WHERE ({id:String} = '' OR Id = {id:String})
    AND ({state:String} = '' OR State = {state:String})
    AND ({service:String} = '' OR has(Services, {service:String}))
    AND (Closed = fromUnixTimestamp64Nano(0) OR Closed >= fromUnixTimestamp64Nano({from_ns:Int64}))
    AND ({to_ns:Int64} = 0 OR Onset < fromUnixTimestamp64Nano({to_ns:Int64}))
ORDER BY Onset DESC, Id
LIMIT {limit:UInt32}
