SELECT View, argMax(Digest, AppliedAt) FROM rootspan_rules GROUP BY View
