-- Named events that warn or worse, by whom they are about and time bucket: a controller tells of other hosts than its own.
-- Those of training jobs are the training half's.
SELECT
    event, service, host, code, elsewhere, any(body) AS example,
    groupArray(bucket) AS buckets, groupArray(told) AS told
FROM
(
    SELECT
        EventName AS event, ServiceName AS service,
        if(LogAttributes['host.name'] = '', HostName, LogAttributes['host.name']) AS host,
        if(startsWith(EventName, 'k8s.pod.'), LogAttributes['k8s.pod.name'], LogAttributes['hw.error.code']) AS code,
        if(LogAttributes['host.name'] IN ('', HostName), '', '1') AS elsewhere,
        toInt32(floor((toUnixTimestamp64Nano(Timestamp) - {origin_ns:Int64}) / {bucket_ns:Int64})) AS bucket,
        toFloat64(count()) AS told, any(substring(Body, 1, 300)) AS body
    FROM rootspan_logs
    WHERE Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
        AND EventName != '' AND SeverityNumber >= 13
        AND EventName != 'exception' AND NOT startsWith(EventName, 'rootspan.')
        AND ResourceAttributes['training.job.id'] = ''
        AND ({service:String} = '' OR ServiceName = {service:String})
    GROUP BY event, service, host, code, elsewhere, bucket
)
GROUP BY event, service, host, code, elsewhere
