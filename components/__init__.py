"""The steps of the main job, as plain functions and small classes; each also works in a notebook."""
