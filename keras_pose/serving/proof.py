"""What an artefact is held against: crops, and what the Keras model says."""

import math

import numpy as np

from keras_pose.location import needs_root_depth
from keras_pose.prediction import Predictor
from keras_pose.serving import measure
from keras_pose.serving import parity
from keras_pose.serving.formats import FORMATS

# What goes with a pose may be off by: its spread by this many times what the
# pose may, its confidence and its pixels by these.
_STD_SHARE = 2.0
_CONFIDENCE = 0.02
_PIXELS = 0.05

_RENDERED_PEOPLE = 16
_BATCH = 16


class Proof:
    """What artefacts are compared on, and what the Keras model says of it.

    Args:
        reference: The Keras model's Artefact.
        folders: Data sets whose samples are used, rendered people beside.
        samples: The most samples of the data sets.

    Attributes:
        num_data: Samples of data sets.
        num_rendered: Rendered people.
        mpjpe: The Keras model's on the samples, mm; NaN without labels.

    Raises:
        ValueError: The Keras model's own poses are not finite.
    """

    def __init__(self, reference, folders, samples):
        self._spec = spec = reference.spec
        self._rendered = parity.synthetic_crops(spec, _RENDERED_PEOPLE)
        self._data = None
        self._crops = self._rendered
        if folders:
            self._data = parity.data_crops(folders, spec, samples)
            self._crops = parity.join(self._data, self._rendered)
        self.num_rendered = len(self._rendered.images)
        self.num_data = len(self._crops.images) - self.num_rendered
        self._outputs = _in_slices(reference.predict, self._crops.images)
        if not all(np.isfinite(a).all() for a in self._outputs.values()):
            raise ValueError(
                f"`model` must give finite poses. Received: {reference.path}, "
                "some of whose are not"
            )
        self.mpjpe = self._mpjpe(self._outputs["pose"])
        # A person as far away as most who are filmed, for a network that
        # cannot tell.
        self._root_depth = 5000.0 if needs_root_depth(spec) else None
        self._placed = self._place(reference)

    def _mpjpe(self, pose):
        """On the samples alone, which are of the user's own task."""
        if self._data is None:
            return math.nan
        samples = pose[: len(self._data.images)]
        return parity.mpjpe(samples, self._spec, self._data)

    def _place(self, reference):
        """What `serve_bytes` must say; NaN where a pose cannot stand."""
        predictor = Predictor(reference)
        placed = {}
        for index, crop in enumerate(self._rendered.images):
            try:
                (pose,) = predictor(
                    crop, "image", root_depths=[self._root_depth or 0]
                )
            except ValueError:  # an image that the network makes nothing of
                continue
            for name in ("joints_mm", "joints_camera_mm", "joints_px") + (
                () if pose.confidence is None else ("confidence", "std_mm")
            ):
                value = np.asarray(getattr(pose, name), np.float64)
                nothing = np.full((self.num_rendered, *value.shape), np.nan)
                placed.setdefault(name, nothing)[index] = value
        return placed

    def measured(self, path, endpoint, name):
        """Runs an artefact and compares what it says.

        Args:
            path: Of the artefact.
            endpoint: As of `measure.measure`.
            name: Key of `FORMATS`.

        Returns:
            The fields of a `gate.Row` that are known now.

        Raises:
            RuntimeError: It cannot be loaded or run.
        """
        is_bytes = endpoint == measure.BYTES
        done = measure.measure(
            path,
            (self._rendered if is_bytes else self._crops).images,
            endpoint,
            self._root_depth,
        )
        if name.endswith("_bfloat16") and done.precision != "bf16":
            raise RuntimeError(
                "this processor has no bfloat16, so that nothing is proved"
            )
        compare = self._compare_placed if is_bytes else self._compare
        return {
            "milliseconds": done.milliseconds,
            "milliseconds_8": done.milliseconds_many,
            "peak_megabytes": done.peak_megabytes,
            **compare(done.outputs, FORMATS[name].limit_mm),
        }

    def _compare(self, outputs, limit_mm):
        """Differences from the network's own outputs."""
        fault = _missing(outputs, self._outputs)
        if fault:
            return {"fault": fault}
        view = self._crops.view
        mean, worst = parity.differences(
            outputs["pose"], self._outputs["pose"], self._spec, view
        )
        if limit_mm is not None and "std" in outputs:
            unit = self._spec.volume.unit_mm(view)
            fault = _too_far(
                outputs | {"std": outputs["std"] * unit},
                self._outputs | {"std": self._outputs["std"] * unit},
                {"std": _STD_SHARE * limit_mm, "confidence": _CONFIDENCE},
            )
        return {
            "mean_mm": mean,
            "worst_mm": worst,
            "mpjpe_change_mm": self._mpjpe(outputs["pose"]) - self.mpjpe,
            "fault": fault,
        }

    def _compare_placed(self, outputs, limit_mm):
        """Differences from what `Predictor` says."""
        if not self._placed:  # none of them can stand anywhere
            some = any(np.isfinite(a).any() for a in outputs.values())
            fault = "it places poses that cannot stand" if some else ""
            return {"mean_mm": 0.0, "worst_mm": 0.0, "fault": fault}
        fault = _missing(outputs, self._placed)
        if fault:
            return {"fault": fault}
        stands = np.isfinite(self._placed["joints_mm"]).all(axis=(1, 2))
        for name in self._placed:
            found = np.isfinite(outputs[name]).reshape(len(stands), -1)
            if not (found == stands[:, None]).all():
                return {"fault": f"its {name} is not finite where a pose is"}
        found = {name: outputs[name][stands] for name in self._placed}
        right = {name: a[stands] for name, a in self._placed.items()}
        mean, worst = parity.distances(
            found["joints_camera_mm"], right["joints_camera_mm"]
        )
        limits = {
            "joints_mm": limit_mm,
            "joints_px": _PIXELS,
            "std_mm": _STD_SHARE * limit_mm,
            "confidence": _CONFIDENCE,
        }
        fault = _too_far(found, right, limits)
        return {"mean_mm": mean, "worst_mm": worst, "fault": fault}


def _in_slices(predict, images):
    parts = [
        predict(images[start : start + _BATCH])
        for start in range(0, len(images), _BATCH)
    ]
    return {
        name: np.concatenate([part[name] for part in parts])
        for name in parts[0]
    }


def _missing(outputs, reference):
    """What is wrong with the names, shapes and numbers of outputs, or ""."""
    for name, right in reference.items():
        if name not in outputs:
            return f"it does not give {name}"
        if outputs[name].shape != right.shape:
            return (
                f"its {name} is of shape {outputs[name].shape}, not "
                f"{right.shape}"
            )
        if np.isfinite(right).all() and not np.isfinite(outputs[name]).all():
            return f"its {name} is not finite"
    return ""


def _too_far(outputs, reference, limits):
    """Which output is farther off than its limit, or ""."""
    for name, limit in limits.items():
        if name in reference:
            worst = np.abs(outputs[name] - reference[name]).max()
            if not worst <= limit:
                return f"its {name} is {worst:.4f} off, limit {limit:g}"
    return ""
