"""Torch modules, pure: tensors in, tensors out. Nothing here imports the rest of Assay.

Legend of the shape suffixes: b batch, h height, w width, c conditions, f features, p parameters.
"""
