"""Two regions that keep their data, a store and a collector each: one slow, or a rule of residency broken."""
