"""scikit-image, met here alone: how alike two images are, and total variation.

similarity(restored_bhw, clean_bhw)                    # SSIM of each image
even_out(image_bhw, weight=0.1)
"""

import numpy as np

from components.evidence.intervals import Array

__label__ = "image_tools"


def similarity(ours_bhw: Array, truth_bhw: Array) -> Array:
    """SSIM of each image (Wang et al. 2004), whose truth lies between 0 and 1, shape (b,)."""
    from skimage.metrics import structural_similarity

    return np.array(
        [
            structural_similarity(ours, truth, data_range=1.0)  # type: ignore[no-untyped-call]
            for ours, truth in zip(ours_bhw, truth_bhw, strict=True)
        ]
    )


def even_out(image_bhw: Array, weight: float) -> Array:
    """Images of less total variation (Chambolle 2004).

    Args:
        image_bhw: with noise.
        weight: how much less; 0 leaves them as they are.
    """
    from skimage.restoration import denoise_tv_chambolle

    if weight == 0:
        return image_bhw
    return np.stack([denoise_tv_chambolle(image, weight=weight) for image in image_bhw])  # type: ignore[no-untyped-call]
