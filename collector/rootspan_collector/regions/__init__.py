"""Data that must keep to a region: which store is for which, and who hands resources to it."""
