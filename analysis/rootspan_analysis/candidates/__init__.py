"""Kinds of evidence: each module turns cells of one signal into findings."""
