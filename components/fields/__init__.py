"""The contract between the science and everything else: what a problem, a dataset and an evaluation are.

* `problem.py`: `Problem`, which each scientific task fills in, and `Sources`, where its results begin
* `dataset.py`: the reader of a dataset on disk (its writer is in `components/data`); `layout.py`: its files by name
* `splits.py`: how rows are shared out over splits and shards; `seen_images.py`: by what they are known again
* `fresh.py`: images that no dataset holds, drawn when they are wanted; `paired_noise.py`: under opposite noise
* `pictures.py`, `fits_images.py`, `tables.py`: a picture and a table read from users' files;
  `reading.py`: what a problem makes of them; `resampling.py`: on pixels of another size; `sky.py`: answers that are
  other numbers on the sky
* `evaluation.py`: metrics with intervals, losses, the table for a person
* `checks.py`: what a problem's datasets must be like
* `borders.py`: fields held where they pass; `estimators.py`: an estimator held against its problem's fields
* `presenting.py`: images as a model is shown them; `randomness.py`: what is drawn for single rows;
  `rounding.py`: and stored, the same on every machine
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
