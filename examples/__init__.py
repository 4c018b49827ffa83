"""Three images to try galaxy-shape on, with what is true of them.

* `galaxy.fits`: one galaxy; `blend.fits`: the same one with a neighbour; `noise.fits`: no galaxy at all
* `truth.csv`: what they were drawn from; the headers of the images say their noise and PSF
* `draw.py`: draws all of it again
"""
