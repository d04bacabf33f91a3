"""Expression classification of face crops."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from fer_sdk._internal.context_manager import ContextManager
from fer_sdk._internal.softmax import softmax
from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.bundles.output_kind import check_output, probe_faces
from fer_sdk.bundles.prior import PriorChoice
from fer_sdk.bundles.registry import DEFAULT_MODEL, find_model
from fer_sdk.errors import BundleError, InputError, RuntimeFailure
from fer_sdk.preprocess import Color, to_inputs
from fer_sdk.results import Expression
from fer_sdk.runtimes import Session, open_session

if TYPE_CHECKING:
    from typing_extensions import Self

LEAST_PROBABILITY: Final = 1e-6
"""Probabilities below it count as this: the logarithm of 0 is infinite."""


class ExpressionClassifier(ContextManager):
    """Classifies face crops with one model in one runtime.

    Threads may share one instance; their calls run one after the other.
    """

    def __init__(
        self,
        bundle: ModelBundle,
        session: Session,
        *,
        prior: PriorChoice = None,
    ) -> None:
        """Combine a bundle and a session that runs its model; `load` opens both.

        Args:
            bundle: Model file with its sidecar.
            session: Open session of that model.
            prior: As in `load`.

        Raises:
            InputError: If the model has no such prior.
            BundleError: If the number of labels or the input size of bundle and session differ.
        """
        spec = bundle.input
        if session.classes != len(bundle.labels):
            raise BundleError(
                f"{bundle.sidecar} names {len(bundle.labels)} labels, "
                f"but the model has {session.classes} outputs: the sidecar is another model's"
            )
        if session.input_hw != (spec.height, spec.width):
            raise BundleError(
                f"{bundle.sidecar} states the input size {(spec.height, spec.width)}, "
                f"but the model takes {session.input_hw}: the sidecar is another model's"
            )
        self.bundle = bundle
        self.prior = bundle.prior(prior)
        self._offsets = np.array(self.prior.offsets, np.float64)
        self._session = session

    @classmethod
    def load(
        cls,
        model: str | Path = DEFAULT_MODEL,
        *,
        runtime: str | None = None,
        delegate: str = "cpu",
        threads: int = 1,
        prior: PriorChoice = None,
    ) -> "Self":
        """Load a model and its sidecar and open a session.

        Args:
            model: Name of a shipped model, or path of a .tflite or .onnx file with its sidecar.
            runtime: "litert", "tflite" or "onnx"; None takes LiteRT for .tflite files and ONNX
                Runtime for .onnx files.
            delegate: "cpu", or "gpu" for LiteRT's GPU delegate. All operators run on the GPU, or
                an error is raised; there is no fallback to the CPU.
            threads: CPU threads.
            prior: How frequent each expression is where the model is used: "everyday" (most faces
                neutral or happy), "balanced" (all alike), "training" (as in the training data),
                "fer2013" (as in FER2013; only networks trained on its labels) or a share for every
                label; None takes the model's default.

        Returns:
            An open classifier.

        Raises:
            InputError: If there is no such model, runtime, delegate or prior.
            BundleError: If the model is damaged, or model and sidecar do not belong together, or
                the model returns probabilities where the sidecar states logits.
            MissingDependencyError: If the runtime is not installed.
            NoAdapterError: If `delegate` is "gpu" and no GPU is found.
            RuntimeFailure: If the runtime cannot load the model.
        """
        bundle = ModelBundle.load(find_model(model))
        session = open_session(
            bundle.path,
            runtime=runtime,
            delegate=delegate,
            threads=threads,
            pixels=bundle.input.pixels,
        )
        try:
            classifier = cls(bundle, session, prior=prior)
            check_output(session.run(probe_faces(bundle.input)), bundle.output, bundle.path.name)
            return classifier
        except (BundleError, InputError, RuntimeFailure):
            session.close()
            raise

    def classify(self, faces: Sequence[NDArray[np.uint8]], *, color: Color) -> list[Expression]:
        """Classify face crops that are aligned as FER2013's faces.

        Args:
            faces: Each uint8 (height, width, 3), or (height, width) for color="grey"; any size.
            color: Channel order of all crops: "bgr", "rgb" or "grey".

        Returns:
            One `Expression` per crop, in the same order.

        Raises:
            InputError: If a crop is of another form.
            RuntimeFailure: If the classifier is closed, or the model outputs NaN or infinity.
        """
        return self.classify_inputs(to_inputs(faces, self.bundle.input, color))

    def classify_inputs(self, inputs: NDArray[np.uint8]) -> list[Expression]:
        """Classify preprocessed inputs, such as those of `ExpressionRecognizer.crops`.

        Args:
            inputs: uint8 (n, *shape) of the shape of the model's input, levels 0 to 255.

        Returns:
            One `Expression` per input, in the same order.

        Raises:
            InputError: If `inputs` has another dtype or shape.
            RuntimeFailure: If the classifier is closed, or the model outputs NaN or infinity.
        """
        probabilities = self.probabilities(inputs)
        if not np.isfinite(probabilities).all():
            raise RuntimeFailure(
                f"the outputs of {self.bundle.path.name} are not finite: the model is damaged, or "
                "its values overflow its precision"
            )
        return [self._expression(row) for row in probabilities]

    def probabilities(self, inputs: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return calibrated probabilities.

        Args:
            inputs: uint8 (n, *shape) of the shape of the model's input, levels 0 to 255.

        Returns:
            float64 (n, classes), each row sums to 1; NaN where an output is not finite.

        Raises:
            InputError: If `inputs` has another dtype or shape.
            RuntimeFailure: If the classifier is closed.
        """
        shape = self.bundle.input.shape
        if inputs.dtype != np.uint8 or inputs.shape[1:] != shape or inputs.ndim != 1 + len(shape):
            raise InputError(
                f"inputs must be uint8 (n, {', '.join(map(str, shape))}), "
                f"but are {inputs.dtype} {inputs.shape}"
            )
        logits = self._session.run(inputs)
        if self.bundle.output == "probabilities":
            logits = np.log(np.maximum(logits, LEAST_PROBABILITY))
        return softmax(logits + self._offsets, self.prior.temperature)

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
