"""The load generator: `python bench/run_load.py` (docs/explanation/load.md says how to read it)."""
