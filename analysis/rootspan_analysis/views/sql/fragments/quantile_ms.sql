q -> if(
    total > 0,
    pow(2, (
        buckets[arrayFirstIndex(c -> c >= q * total, cumulated)] + 1
        - (cumulated[arrayFirstIndex(c -> c >= q * total, cumulated)] - q * total)
            / counts[arrayFirstIndex(c -> c >= q * total, cumulated)]
    ) / 8) / 1000000,
    nan)
