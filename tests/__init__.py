"""The tests: code, data, model, and drills with real processes."""
