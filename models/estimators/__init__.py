"""Networks with the names and units of their fields, and saved in a folder; a room for each kind of answer.

* `estimator.py`: what every estimator is, and how one is built from its configuration
* `saved.py`: weights and description on disk, checked at every load; `compiled.py`: what answers take beside Python
* `numbers/`: parameters with errors; `image/`: an image with its error; `denoised/`, `upsampled/`, `deblurred/`:
  the same of spoilt ones; `mask/`: which pixels belong to something; `classes/`: probabilities of classes; `sources/`:
  point sources. What most of them share: `scaled_images.py`, `input_ranges.py`, `probabilities.py`
* `morphology/`, `arms/`: classes and masks of pictures of one galaxy; what they share: `levelled_pictures.py`
* `border_noise.py`: the noise of an image where nobody states it
* `channels.py`: how a network is shown an image; `familiar.py`: whether that is one of those a simulator draws
"""

from models.estimators.compiled import NoCompilerError, place_compiled
from models.estimators.estimator import Estimator, build, kinds
from models.estimators.familiar import FALSE_ALARMS, FamiliarImages
from models.estimators.input_ranges import summaries
from models.estimators.saved import answering_modules, load_model, save_model

__all__ = [
    "FALSE_ALARMS",
    "Estimator",
    "FamiliarImages",
    "NoCompilerError",
    "answering_modules",
    "build",
    "kinds",
    "load_model",
    "place_compiled",
    "save_model",
    "summaries",
]
