"""What every problem must keep to, by what it is about; `problem_conformance.py` joins them."""
