-- What a receiver was told last of an incident.
SELECT Event AS event, Fingerprint AS fingerprint, toUnixTimestamp64Nano(Sent) AS sent_ns
FROM rootspan_notices FINAL
WHERE IncidentId = {incident:String} AND Target = {target:String}
