"""The root-cause engine: SQL and columns in, ranked causes out."""
