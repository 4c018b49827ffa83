"""What every estimator is: a network that answers named fields with named fields, and knows its own loss and doubts.

    estimator = build({"kind": "numbers", …})            # from model.json alone
    outputs = estimator(inputs)                          # {"flux": (b,), "flux_error": (b,), …}
    loss_b = estimator.loss(inputs, targets)

A kind of answer is a room of this folder, a package that names its `build`: `find_kind`. A room that is put here is
known; it is imported when it is asked for only, so that a model and its package rest on the code of their own kind.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

from torch import Tensor, nn

from models.fields import Arrays, Field

__label__ = "estimators"


class Estimator(nn.Module, ABC):
    """A network with the names and units of what goes in and what comes out.

    Args:
        config: JSON-able values that it is built from, `kind` among them.
    """

    network: nn.Module
    """What is compiled on a GPU."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        self.config = dict(config)

    @property
    @abstractmethod
    def inputs(self) -> tuple[Field, ...]:
        """What it takes."""

    @property
    @abstractmethod
    def outputs(self) -> tuple[Field, ...]:
        """What it answers, each with the tolerance that a package is proved with."""

    @property
    @abstractmethod
    def targets(self) -> tuple[Field, ...]:
        """What its loss compares answers with; a problem may have more."""

    @abstractmethod
    def forward(self, inputs: Arrays) -> dict[str, Tensor]:
        """The answer to a batch: from `inputs` to `outputs`."""

    def completed(self, inputs: Arrays) -> tuple[Arrays, dict[str, Tensor]]:
        """Inputs as `forward` takes them, of some that lack what may be estimated, and the estimates.

        Args:
            inputs: as of `forward`, but for fields that say `estimated`.

        Returns:
            The inputs with what was left out; and that alone by its name, nothing where all was stated.
        """
        return inputs, {}

    def uncompared(self, outputs: dict[str, Tensor], estimated: Arrays) -> dict[str, Tensor]:  # noqa: ARG002
        """An answer without what holds an input against the image, where that is what the input was estimated from.

        Args:
            outputs: what `forward` made of completed inputs.
            estimated: as of `completed`.
        """
        return outputs

    @abstractmethod
    def loss(self, inputs: Arrays, targets: Arrays) -> Tensor:
        """Training loss of each image, shape (b,)."""

    @abstractmethod
    def doubts(self, inputs: Arrays, outputs: Arrays, region: Mapping[str, Any]) -> list[list[str]]:
        """For each image the reasons not to trust its answer, one line each.

        Args:
            inputs: as of `forward`.
            outputs: what `forward` made of them.
            region: where the model was found reliable, as its evaluation found it.
        """

    def not_tested(self, inputs: Arrays) -> tuple[str, ...]:  # noqa: ARG002
        """What an answer takes for granted, whatever its doubts say: no test of one image could tell."""
        return ("content",)

    @abstractmethod
    def doubtful(self, inputs: Arrays, region: Mapping[str, Any]) -> dict[str, Tensor]:
        """The same inputs, each so far outside of the region that its answer must be doubted."""

    def samples(self, inputs: Arrays, count: int) -> dict[str, Tensor]:  # noqa: ARG002
        """Joint draws from what is known of each image, shape (b, count, …) by the names of outputs.

        Args:
            inputs: as of `forward`.
            count: of each image.

        Raises:
            ValueError: when answers of this kind have no joint density.
        """
        raise ValueError(f"a model of kind {self.config['kind']} has no samples: leave them out")

    def measured(self, inputs: Arrays, targets: Arrays | None = None) -> dict[str, Tensor]:  # noqa: ARG002
        """What an evaluation looks at: the outputs, and what else they come from; the outputs alone by default.

        Args:
            inputs: as of `forward`.
            targets: the truths, where they are known: a density is judged by what it gives to them.
        """
        outputs: dict[str, Tensor] = self(inputs)
        return outputs


def kinds() -> tuple[str, ...]:
    """Every kind of answer."""
    return tuple(sorted(module.name for module in iter_modules([__file__.rpartition("/")[0]]) if module.ispkg))


def find_kind(config: Mapping[str, Any]) -> ModuleType:
    """The room of an estimator's kind: `build(config)` makes it, `modules(config)` names the modules that answer.

    Raises:
        ValueError: when the kind is unknown or not named; the known ones are listed.
    """
    kind = config.get("kind")
    if kind not in kinds():
        raise ValueError(f"kind of estimator = {kind!r}: must be one of {', '.join(kinds())}")
    return import_module(f"{__package__}.{kind}")


def build(config: Mapping[str, Any]) -> Estimator:
    """An untrained estimator.

    Raises:
        ValueError: when its kind or its network is unknown.
    """
    estimator: Estimator = find_kind(config).build(config)
    return estimator
