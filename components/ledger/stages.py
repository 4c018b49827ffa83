"""The stages by name: written here and nowhere else."""

CANDIDATE, STAGING, PRODUCTION, ARCHIVED = STAGES = ("candidate", "staging", "production", "archived")
"""What a version goes through; it is in one of them at a time."""

PROMOTABLE = (STAGING, PRODUCTION)
"""Stages that a version is promoted to, in this order. Each has room for one: whom it replaces is archived."""
