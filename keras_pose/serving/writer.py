"""Writes a network in each of the formats."""

import functools
import os
import shutil
import tempfile

from keras_pose.serving import artefacts
from keras_pose.serving import parity
from keras_pose.serving import tf_serving
from keras_pose.serving.formats import FORMATS
from keras_pose.serving.inference_network import inference_network

_CALIBRATION_CROPS = 128


class Writer:
    """Writes formats into a folder; what several need is made once."""

    def __init__(self, request, reference, folder):
        self._request, self._folder = request, folder
        self._reference = reference
        self._spec = reference.spec
        self._scratch = tempfile.TemporaryDirectory()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._scratch.cleanup()

    def write(self, name):
        """Writes a format.

        Raises:
            ImportError: What it takes is not installed.
            RuntimeError: The network cannot be converted.
        """
        path = os.path.join(self._folder, FORMATS[name].path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        family, _, precision = name.partition("_")
        write = {
            "saved": self._write_saved_model,
            "tflite": self._write_tflite,
            "onnx": self._write_onnx,
            "openvino": self._write_openvino,
            "keras": self._write_keras,
        }[family]
        try:
            write(path, precision)
        except (ImportError, OSError, ValueError):
            raise  # these say what is wrong
        except Exception as error:  # converters raise what their parts raise
            first_line = str(error).strip().partition("\n")[0]
            raise RuntimeError(
                f"it could not be written: {first_line}"
            ) from error

    def _write_saved_model(self, path, _):
        from keras_pose.serving import saved_model

        request = self._request
        folder = tf_serving.version_folder(path, request.name, request.version)
        saved_model.export_saved_model(
            self._network(), self._spec, folder, request.max_pixels
        )
        tf_serving.add_assets(folder, self._spec, request.name, request.model)
        tf_serving.write_configs(path, request.name)

    def _write_tflite(self, path, precision):
        from keras_pose.serving import tflite

        tflite.export_tflite(
            self._plain_saved_model(),
            self._spec,
            path,
            precision,
            self._calibration() if precision == "int8" else None,
        )

    def _write_onnx(self, path, _):
        from keras_pose.serving import onnx_model

        network = self._network(channels_first=True)
        onnx_model.export_onnx(network, self._spec, path)

    def _write_openvino(self, path, precision):
        from keras_pose.serving import openvino_model

        openvino_model.export_openvino(
            # Its transposed convolutions are faster than ours of phases.
            self._plain_saved_model(channels_first=True, phases=False),
            self._spec,
            path,
            precision,
            self._calibration() if precision == "int8" else None,
        )

    def _write_keras(self, path, _):
        shutil.copyfile(self._reference.path, path)

    @functools.cache  # noqa: B019  a writer lives as long as its export
    def _network(self, channels_first=False, phases=True):
        return inference_network(self._model(), channels_first, phases)

    @functools.cache  # noqa: B019
    def _model(self):
        return artefacts.load_keras_model(self._reference.path)[0]

    @functools.cache  # noqa: B019
    def _plain_saved_model(self, **arrangement):
        """The network alone, for what converts from a SavedModel."""
        from keras_pose.serving import saved_model

        folder = tempfile.mkdtemp(dir=self._scratch.name)
        saved_model.export_network(self._network(**arrangement), folder)
        return folder

    @functools.cache  # noqa: B019
    def _calibration(self):
        return parity.data_crops(
            self._request.calibration, self._spec, _CALIBRATION_CROPS
        ).images
