"""What a program writes: `span()`, `@trace`, `@infer`, and how arguments and outcomes are put onto a span."""
