"""What a network's numbers mean: the card that every artefact carries.

A model file alone is a box of numbers. `PoseSpec` says what goes in and what
comes out, and travels inside each artefact as `pose_spec.json`, so that
whoever loads one needs neither its config nor its training data.
"""

import dataclasses
import json
import math

from keras_pose.geometry.volume import CropVolume
from keras_pose.geometry.volume import MetricVolume
from keras_pose.skeleton import SKELETONS
from keras_pose.skeleton import Skeleton

FILE_NAME = "pose_spec.json"
INPUT_DESCRIPTION = (
    "Crop of a person: uint8 RGB, 0 to 255, (batch, size, size, 3); side of "
    "the crop = box_margin x longer side of the person's box."
)


@dataclasses.dataclass(frozen=True)
class PoseSpec:
    """The meaning of a network's input and output.

    Attributes:
        skeleton: Its joints.
        volume: Where its heatmaps live.
        input_size: Side of its square input, px.
        box_margin: Side of the crop over the longer side of a person's box.
        bone_lengths_mm: Mean bone lengths of its training set, J numbers, each
            joint's to its parent; 0 where not known.
    """

    skeleton: Skeleton
    volume: MetricVolume | CropVolume
    input_size: int
    box_margin: float
    bone_lengths_mm: tuple[float, ...]

    def to_json(self):
        """The spec as text."""
        is_metric = isinstance(self.volume, MetricVolume)
        volume = {"kind": "metric" if is_metric else "crop"}
        return json.dumps(
            {
                "skeleton": self.skeleton.name,
                "joints": self.skeleton.joints,
                "volume": volume | dataclasses.asdict(self.volume),
                "input_size": self.input_size,
                "box_margin": self.box_margin,
                "bone_lengths_mm": self.bone_lengths_mm,
                "inputs": {"image": INPUT_DESCRIPTION},
                "outputs": self.output_descriptions(),
            },
            indent=1,
        )

    def output_descriptions(self):
        """What each output of the network says, by its name.

        A network with a regression head has the pose alone.
        """
        if isinstance(self.volume, MetricVolume):
            unit = (
                f"mm = (value - 0.5) * {self.volume.size_mm:g}, x right, y "
                "down, z away from the camera, around the root"
            )
            std = f"mm = value * {self.volume.size_mm:g}"
        else:
            unit = (
                f"x, y in px of the crop = value * {self.volume.crop_size:g} - "
                f"0.5; z in mm = (value - 0.5) * {self.volume.depth_mm:g}, "
                "behind the root"
            )
            std = (
                f"x, y in px = value * {self.volume.crop_size:g}; z in mm = "
                f"value * {self.volume.depth_mm:g}"
            )
        joints = self.skeleton.num_joints
        return {
            "pose": f"(batch, {joints}, 3) joints; {unit}.",
            "std": (
                f"(batch, {joints}, 3) standard deviation of each joint's "
                f"heatmap along x, y, z; {std}."
            ),
            "confidence": (
                f"(batch, {joints}) in [0, 1]: the heatmap's mass near its "
                "mean."
            ),
        }

    @classmethod
    def from_json(cls, text, name):
        """Reads what `to_json` wrote.

        Args:
            text: The JSON.
            name: What errors call the artefact.

        Raises:
            ValueError: The text is no spec.
        """
        try:
            content = json.loads(text)
            volume = dict(content["volume"])
            kind = {"metric": MetricVolume, "crop": CropVolume}[
                volume.pop("kind")
            ]
            spec = cls(
                skeleton=SKELETONS[content["skeleton"]],
                volume=kind(**{k: _positive(v) for k, v in volume.items()}),
                input_size=int(_positive(content["input_size"])),
                box_margin=_positive(content["box_margin"]),
                bone_lengths_mm=tuple(map(float, content["bone_lengths_mm"])),
            )
            if content["joints"] != list(spec.skeleton.joints) or (
                len(spec.bone_lengths_mm) != spec.skeleton.num_joints
            ):
                raise ValueError(f"not the joints of {spec.skeleton.name}")
            return spec
        except (KeyError, OverflowError, TypeError, ValueError) as error:
            raise ValueError(
                f"{name}: {FILE_NAME} is damaged: {error!r}"
            ) from error


def _positive(number):
    if not isinstance(number, int | float) or not 0 < number < math.inf:
        raise ValueError(f"{number!r} is not a positive number")
    return number
