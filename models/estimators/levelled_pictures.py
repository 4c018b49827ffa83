"""What estimators of pictures of one galaxy have in common: any unit and any sky, and whether it is such a picture.

    class ArmsEstimator(LevelledEstimator):
        def forward(self, inputs): ... self.network(self.channels(inputs["image"]))

The level of the picture's border is taken away and its brightest part brought to 1, so that a picture may be linear or
stretched, in counts or in levels of a file. Shape suffixes: b batch, c channels, h height, w width, f features.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from models.estimators.border_noise import border
from models.estimators.estimator import Estimator
from models.fields import Arrays, Field

__label__ = "levelled_pictures"

CHANNELS = 3
"""That a network is shown a picture in."""
FEATURES = ("place", "extent", "noise", "border", "brightest")
"""By which a picture is held against those that a model learned from."""
_BORDER = 2
"""Pixels of a picture's border."""
_TOP = 0.995
"""Quantile of the pixels that comes to 1."""
_BRIGHT = 0.3
"""Of it: pixels from which a galaxy is placed and measured."""
_FAINT, _AROUND = 10.0, 4
"""Factor of the channel that shows what is faint, and pixels to either side that another takes the mean of away."""
_MEDIAN = 0.6745
"""Of the sizes of standard normal numbers."""
_RARE = 0.001
"""Share of pictures learned from beyond either end of a feature's range."""
_MARGIN = 0.1
"""Of a range, beyond either of its ends, is where doubts begin."""
_BEFORE = (0.3, 0.5, 10.0, 10.0, 1e4)
"""The largest of each feature until anything was learned."""
_LEAST = 1e-6
DEPARTURE = 2e-2
"""How far the same departure may be another on another processor."""


def levelled(image_bhw: Tensor) -> Tensor:
    """Border at 0, brightest part at 1, shape (b, h, w)."""
    flat_bn = image_bhw.flatten(1)
    level_b11 = border(image_bhw, _BORDER).median(dim=1).values[:, None, None]
    top_b11 = flat_bn.quantile(_TOP, dim=1)[:, None, None]
    least_b11 = _LEAST * (1 + flat_bn.abs().amax(dim=1))[:, None, None]
    shown_bhw: Tensor = (image_bhw - level_b11) / (top_b11 - level_b11).maximum(least_b11)
    return shown_bhw


class LevelledEstimator(Estimator):
    """A network that is shown one picture.

    Args:
        config: with the key
            size: pixels on a side.
    """

    feature_range: Tensor
    """Least and largest of each of `FEATURES`, shape (2, f)."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__(config)
        self.size = int(config["size"])
        self.register_buffer("feature_range", torch.tensor([[0.0] * len(FEATURES), list(_BEFORE)]))

    @property
    def inputs(self) -> tuple[Field, ...]:
        """The picture, in any unit."""
        return (Field(name="image", shape=(self.size, self.size)),)

    @property
    def departure_field(self) -> Field:
        """How far each of `FEATURES` is outside of the range that it had: above 1, a picture is doubted."""
        return Field(name="departure", shape=(len(FEATURES),), labels=FEATURES, absolute=DEPARTURE, relative=DEPARTURE)

    def channels(self, image_bhw: Tensor) -> Tensor:
        """As a network is shown it: as it is, what is faint, and what stands out of its surroundings; (b, c, h, w)."""
        shown_bhw = levelled(image_bhw)
        padded_b1hw = functional.pad(shown_bhw[:, None], (_AROUND,) * 4, mode="reflect")
        around_bhw = functional.avg_pool2d(padded_b1hw, 2 * _AROUND + 1, stride=1)[:, 0]
        return torch.stack([shown_bhw, torch.asinh(_FAINT * shown_bhw) / 3, 3 * (shown_bhw - around_bhw)], dim=1)

    def features(self, image_bhw: Tensor) -> Tensor:
        """`FEATURES` of each picture, lengths over its side, shape (b, f)."""
        shown_bhw = levelled(image_bhw)
        light_bhw = (shown_bhw - _BRIGHT).clamp_min(0)
        whole_b = light_bhw.sum(dim=(1, 2)).clamp_min(_LEAST)
        place_w = (torch.arange(self.size).to(image_bhw) + 0.5) / self.size - 0.5
        x_b, y_b = (light_bhw.sum(dim=axis) @ place_w / whole_b for axis in (1, 2))
        squared_bhw = (place_w - x_b[:, None, None]) ** 2 + (place_w[:, None] - y_b[:, None, None]) ** 2
        finest_bn = (shown_bhw[:, 1:, 1:] - shown_bhw[:, :-1, 1:] - shown_bhw[:, 1:, :-1] + shown_bhw[:, :-1, :-1]) / 2
        return torch.stack(
            [
                torch.hypot(x_b, y_b),
                ((light_bhw * squared_bhw).sum(dim=(1, 2)) / whole_b).clamp_min(0).sqrt(),
                finest_bn.abs().flatten(1).median(dim=1).values / _MEDIAN,
                border(shown_bhw, _BORDER).std(dim=1),
                shown_bhw.amax(dim=(1, 2)),
            ],
            dim=1,
        )

    def learn_ordinary(self, pictures: Iterable[Tensor]) -> None:
        """What pictures are like that a model learns from."""
        with torch.inference_mode():
            found_nf = torch.cat([self.features(image_bhw) for image_bhw in pictures])
            low_f, high_f = (found_nf.quantile(level, dim=0) for level in (_RARE, 1 - _RARE))
            margin_f = _MARGIN * (high_f - low_f)
            self.feature_range.copy_(torch.stack([low_f - margin_f, high_f + margin_f]))

    def departures(self, image_bhw: Tensor) -> Tensor:
        """Of each feature, 1 at the ends of its range and less between, shape (b, f)."""
        low_f, high_f = self.feature_range
        middle_f, half_f = low_f / 2 + high_f / 2, (high_f / 2 - low_f / 2).clamp_min(_LEAST)
        departure_bf: Tensor = (self.features(image_bhw) - middle_f).abs() / half_f
        return departure_bf

    def doubts(self, inputs: Arrays, outputs: Arrays, region: Mapping[str, Any]) -> list[list[str]]:  # noqa: ARG002
        """For each picture in which way it is none of those that the model learned from."""
        found_bf = self.features(inputs["image"]).tolist()
        return [
            # NaN is more than anything.
            [self._line(at, found[at]) for at, departure in enumerate(departures) if not departure <= 1]
            for departures, found in zip(outputs["departure"].tolist(), found_bf, strict=True)
        ]

    def doubtful(self, inputs: Arrays, region: Mapping[str, Any]) -> dict[str, Tensor]:  # noqa: ARG002
        """The same pictures with most of their light in a corner."""
        image_bhw = inputs["image"].clone()
        most_b11 = image_bhw.abs().amax(dim=(1, 2), keepdim=True) + 1
        image_bhw[:, : self.size // 4, : self.size // 4] += 10 * most_b11
        return {**inputs, "image": image_bhw}

    def _line(self, at: int, found: float) -> str:
        (low, high), side = self.feature_range[:, at].tolist(), self.size
        usual = f"{low:.3g} to {high:.3g} in pictures that the model learned from"
        return {
            "place": f"its light is centred {side * found:.1f} pixels from the middle: at most {side * high:.1f} in "
            "pictures that the model learned from",
            "extent": f"its bright part reaches {side * found:.1f} pixels (root mean square): {side * low:.1f} to "
            f"{side * high:.1f} in pictures that the model learned from",
            "noise": f"its noise is {found:.3g} of its brightest part: {usual}",
            "border": f"its border varies by {found:.3g} of its brightest part: {usual}",
            "brightest": f"its brightest pixel is {found:.3g} times its brightest part: {usual}",
        }[FEATURES[at]]
