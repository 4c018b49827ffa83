"""Torch modules, pure: tensors in, tensors out. Nothing here imports the rest of Assay.

* `networks/`: image channels and conditions to a vector; one module each
* `estimators/`: a network with its units and scales, saved and loaded
* `galaxies/`: the renderer, and the search for the maximum of an image's likelihood, which is compiled
* `layers.py`: what networks are built from; `short_numbers.py`: what of them a training may compute in bfloat16;
  `devices.py`: where they compute

Legend of the shape suffixes: b batch, h height, w width, c conditions, f features, p parameters.
"""
