mapKeys(histogram) AS buckets,
    mapValues(histogram) AS counts,
    arrayCumSum(counts) AS cumulated,
    arraySum(counts) AS total
