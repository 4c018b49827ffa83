"""The script that MLflow keeps beside a registered model and runs to load it ("models from code": nothing is pickled).

    model = mlflow.pyfunc.load_model("models:/galaxy-shape@production")
    answer = model.predict({"image": image_bhw, "sigma": sigma_b, "psf_fwhm": psf_fwhm_b})

The answer holds an array for each output of the model, such as `flux` and `flux_error`, batch first. Arrays are
float32. The script imports nothing of Assay but `models/`, a copy of which travels with it.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from models.estimators import load_model

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Arrays = dict[str, NDArray[np.float32]]
else:
    # MLflow reads the hints of `predict` and knows none for named tensors; this one tells it to go by the signature.
    Arrays = np.ndarray


class RegisteredEstimator(PythonModel):
    """An estimator behind MLflow's generic prediction interface."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load the network.

        Raises:
            DamagedModelError: when a file is missing or the weights are not those that were registered.
        """
        self._estimator, _ = load_model(Path(context.artifacts["model"]))

    def predict(
        self,
        context: PythonModelContext,  # noqa: ARG002 - the signature is MLflow's
        model_input: Arrays,
        params: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> Arrays:
        """The outputs of a batch, by the names of the model's fields."""
        inputs = {name: torch.from_numpy(np.asarray(array)) for name, array in model_input.items()}
        with torch.inference_mode():
            return {name: array.numpy() for name, array in self._estimator(inputs).items()}


set_model(RegisteredEstimator())
