"""Faults under load, and what they leave (docs/explanation/faults.md)."""
