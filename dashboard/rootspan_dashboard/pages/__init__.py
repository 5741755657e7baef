"""One module a page: fetch, transform, draw."""
