"""Wiring: which component runs when, with which retries and schedule; and the command line."""
