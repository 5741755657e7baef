"""The `rootspan` command: the one place that knows every part."""
