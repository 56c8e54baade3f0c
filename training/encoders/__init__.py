"""The parts that read a text as values: each takes (B, T, C) with lengths (B,), and gives (B, T', C') with lengths."""
