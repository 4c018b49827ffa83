"""The evidence for one model: what is measured, and the pictures of it. `components/problems/regression.py` gathers it.

Names used in all modules here: images are rows, truths are columns; a `bound` is the Cramér–Rao bound of the image
that was shown.
"""
