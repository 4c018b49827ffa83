"""Resizing of pictures as matrices: to a fraction of the size, back, and what of a picture that leaves untold.

    resizing = Resizing(height=256, width=256, factor=4)
    small = resizing.smaller(picture_bchw)                 # bilinear, each pixel a mean over what it covers
    seen = resizing.larger(small)                          # bilinear
    resizing.told(seen)                                    # small again, exactly
    resizing.consistent(answer_bchw, small)                # the nearest picture to an answer that comes to `small`

Rows and columns are resized one after the other, so that every map is a matrix on either side. Shape suffixes: b batch,
c bands, h height, w width.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

__label__ = "resizing"

_BUFFERS = ("down", "up", "told", "spread")


class Resizing(nn.Module):
    """Pictures of one size, to a fraction of it and back.

    Args:
        height: pixels.
        width: pixels.
        factor: how many times smaller.

    Raises:
        ValueError: when the factor does not divide both sides.
    """

    def __init__(self, *, height: int, width: int, factor: int) -> None:
        super().__init__()
        for name, side in (("height", height), ("width", width)):
            if side % factor:
                raise ValueError(f"{name} = {side}: must be a multiple of the factor, {factor}")
            down_sl = _matrix(side, side // factor)
            up_ls = _matrix(side // factor, side)
            for buffer, matrix in zip(
                _BUFFERS, (down_sl, up_ls, torch.linalg.pinv(up_ls), torch.linalg.pinv(down_sl)), strict=True
            ):
                self.register_buffer(f"{buffer}_{name}", matrix.float(), persistent=False)

    def smaller(self, picture_bchw: Tensor) -> Tensor:
        """A fraction of the size."""
        return self._both("down", picture_bchw)

    def larger(self, small_bchw: Tensor) -> Tensor:
        """Back at the size."""
        return self._both("up", small_bchw)

    def told(self, seen_bchw: Tensor) -> Tensor:
        """The small picture that one of full size was made from; of others the one that comes nearest."""
        return self._both("told", seen_bchw)

    def surplus(self, seen_bchw: Tensor) -> Tensor:
        """What a picture has that none which was made from a small one has, root mean square, shape (b,)."""
        return (seen_bchw - self.larger(self.told(seen_bchw))).square().mean(dim=(1, 2, 3)).sqrt()

    def consistent(self, answer_bchw: Tensor, small_bchw: Tensor) -> Tensor:
        """The nearest picture to an answer that is the small one when it is resized: never farther from the truth."""
        return answer_bchw + self._both("spread", small_bchw - self.smaller(answer_bchw))

    def _both(self, name: str, picture_bchw: Tensor) -> Tensor:
        rows, columns = (self.get_buffer(f"{name}_{side}") for side in ("height", "width"))
        # In full precision whatever a training computes in: what is exact here is worth more than a network.
        with torch.autocast(picture_bchw.device.type, enabled=False):
            done: Tensor = rows @ picture_bchw.to(rows.dtype) @ columns.T
        return done


def _matrix(before: int, after: int) -> Tensor:
    """What resizing makes of each pixel of a row, float64, shape (after, before)."""
    unit = torch.eye(before, dtype=torch.float64)[:, None, None, :]
    rows = functional.interpolate(unit, size=(1, after), mode="bilinear", antialias=True, align_corners=False)
    return rows[:, 0, 0].T.contiguous()
