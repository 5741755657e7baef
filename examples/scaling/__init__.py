"""The same work on 1, 2 and 4 ranks whose communication grows with each: what distribution costs."""
