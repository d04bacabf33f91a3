"""Face crops in, expressions out."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fer_sdk._internal.context_manager import ContextManager
from fer_sdk._internal.softmax import softmax
from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.bundles.registry import DEFAULT_MODEL, find_model
from fer_sdk.errors import BundleError, InputError, RuntimeFailure
from fer_sdk.preprocess import Color, to_inputs
from fer_sdk.results import Expression
from fer_sdk.runtimes import Session, open_session

if TYPE_CHECKING:
    from typing_extensions import Self


class ExpressionClassifier(ContextManager):
    """Classifies face crops with one model in one runtime.

    May be shared by threads, which take turns; see `ExpressionRecognizer`.
    """

    def __init__(self, bundle: ModelBundle, session: Session) -> None:
        """Join a bundle and a session that runs its model.

        Raises:
            BundleError: If the sidecar and the model disagree about labels or input size.
        """
        spec = bundle.input
        if session.classes != len(bundle.labels):
            raise BundleError(
                f"{bundle.sidecar} names {len(bundle.labels)} labels, "
                f"but the model gives {session.classes}: the sidecar is another model's"
            )
        if session.input_hw != (spec.height, spec.width):
            raise BundleError(
                f"{bundle.sidecar} states an input of {(spec.height, spec.width)}, "
                f"but the model takes {session.input_hw}: the sidecar is another model's"
            )
        self.bundle = bundle
        self._session = session

    @classmethod
    def load(
        cls,
        model: str | Path = DEFAULT_MODEL,
        *,
        runtime: str | None = None,
        delegate: str = "cpu",
        threads: int = 1,
    ) -> "Self":
        """Find a bundle and open a session for it.

        Args:
            model: Name of a shipped model, or path of a .tflite or .onnx file with its sidecar.
            runtime: One of `fer_sdk.runtimes.RUNTIMES`; None takes the one for the file's kind.
            delegate: "cpu", or "gpu" for LiteRT's GPU delegate: the whole model or an error.
            threads: CPU threads.

        Raises:
            InputError: If there is no such model, runtime or delegate.
            BundleError: If the model is damaged, or model and sidecar do not belong together.
            MissingDependencyError: If the runtime is not installed.
            NoAdapterError: If the GPU was asked for and there is none.
            RuntimeFailure: If the runtime refuses the model.
        """
        bundle = ModelBundle.load(find_model(model))
        session = open_session(bundle.path, runtime=runtime, delegate=delegate, threads=threads)
        try:
            return cls(bundle, session)
        except BundleError:
            session.close()
            raise

    def classify(self, faces: Sequence[NDArray[np.uint8]], *, color: Color) -> list[Expression]:
        """Classify face crops, cut as FER2013's faces are.

        Args:
            faces: Each uint8 (height, width, 3), or (height, width) for color="grey"; any size.
            color: Order of the channels.

        Returns:
            One `Expression` a crop, in the same order.

        Raises:
            InputError: If a crop is not of that form.
        """
        return self.classify_inputs(to_inputs(faces, self.bundle.input, color))

    def classify_inputs(self, inputs: NDArray[np.uint8]) -> list[Expression]:
        """Classify what `fer_sdk.preprocess` made; inputs uint8 (n, height, width).

        Raises:
            InputError: If `inputs` is not of the model's size.
            RuntimeFailure: If the model answers with NaN or infinity.
        """
        probabilities = self.probabilities(inputs)
        if not np.isfinite(probabilities).all():
            raise RuntimeFailure(
                f"{self.bundle.path.name} answered with numbers that are not finite: the model is "
                "damaged, or overflows its precision"
            )
        return [self._expression(row) for row in probabilities]

    def probabilities(self, inputs: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return calibrated probabilities, float64 (n, classes), for uint8 (n, height, width).

        NaN where the model's answer is not finite.

        Raises:
            InputError: If `inputs` is not of the model's size.
        """
        size = (self.bundle.input.height, self.bundle.input.width)
        if inputs.dtype != np.uint8 or inputs.ndim != 3 or inputs.shape[1:] != size:
            raise InputError(
                f"inputs must be uint8 (n, {size[0]}, {size[1]}), "
                f"but are {inputs.dtype} {inputs.shape}"
            )
        return softmax(self._session.run(inputs), self.bundle.temperature)

    def close(self) -> None:
        """Free the model; may be called twice."""
        self._session.close()

    def _expression(self, probabilities: NDArray[np.float64]) -> Expression:
        best = int(probabilities.argmax())
        confidence = float(probabilities[best])
        return Expression(
            label=self.bundle.labels[best],
            confidence=confidence,
            uncertain=confidence < self.bundle.uncertain_below,
            labels=self.bundle.labels,
            probabilities=tuple(probabilities.tolist()),
        )
