"""Who sends, what they may send, and what becomes of it when there is too much."""
