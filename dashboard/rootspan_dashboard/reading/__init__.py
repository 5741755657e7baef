"""The way to the store and to the engine, and how long their answers are kept."""
