"""What surrounds every page: head, sidebar, links, the URL, and what is said when nothing can be shown."""
