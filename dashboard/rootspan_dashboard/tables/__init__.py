"""Tables: their columns, and how they are drawn."""
