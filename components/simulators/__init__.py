"""Images from physics, a folder for each kind: prior, drawing, bound, exact posterior.

* `sersic/`: galaxies behind a telescope
* `importance_sampling.py`: moments of a posterior that is known up to a constant, for every simulator
"""
