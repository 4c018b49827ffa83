"""What is asked of Assay from outside: its command (`__main__.py`), and its service, from Python (`client.py`)."""

__label__ = None
