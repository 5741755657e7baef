-- When a watcher last said that it lives; 0 when none ever did, or the last one has left.
SELECT max(toUnixTimestamp64Nano(Seen)) AS seen_ns
FROM rootspan_watchers FINAL
WHERE toUnixTimestamp64Nano(Since) > 0
