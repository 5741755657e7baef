"""What happens from the moment a browser asks for a page until the page's script runs for it."""
