"""Sheared Sérsic galaxies seen through a Moffat PSF.

* `prior.py`: what galaxies, PSFs and noise levels there are, and the settings of all that
* `drawing.py`: stamps and bounds of a catalogue; `galsim_drawing.py`: the same by GalSim, the independent reference
* `draws.py`: draws that pass the SNR cut, as a dataset keeps them
* `galsim_departures.py`: by GalSim, too, where PSF or centre are others; `detectability.py`: how surely that is found
* `bounds.py`: Fisher matrix and Cramér–Rao bound; `posterior.py`: what image and prior say together
* `real_galaxies.py`: HST galaxies as this camera would see them
* `hsm_moments.py`, `sep_photometry.py`: what programs that are not ours measure of an image
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
