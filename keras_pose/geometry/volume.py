"""The two volumes that a network's heatmaps live in.

A volume says what the unit coordinates of a heatmap mean. Both have the same
three methods, written once for arrays and tensors; nothing else in the project
scales a heatmap's coordinates.

- `MetricVolume`: a cube of fixed size in mm around the root. Its pose needs no
  camera: the network guesses the person's size. Sarandi et al., "Metric-Scale
  Truncation-Robust Heatmaps for 3D Human Pose Estimation", 2020.
- `CropVolume`: x and y are the crop's pixels, z is mm around the root's depth.
  Its pose lies on the image, and needs the camera and the root's depth to
  become mm. Sun et al., "Integral Human Pose Regression", 2018.
"""

import dataclasses
import typing

import numpy as np

from keras_pose.geometry import camera
from keras_pose.geometry import crop

_XY_OF_3 = np.array([[1, 0, 0], [0, 1, 0]], np.float32)
_XY = np.array([1, 1, 0], np.float32)
_Z = np.array([0, 0, 1], np.float32)


class View(typing.NamedTuple):
    """How the camera sees one crop; leading dimensions are those of a batch.

    Attributes:
        crop_from_image: (..., 3, 3) px.
        intrinsics: (..., 3, 3) px, of the whole image.
        distortion: (..., 5) k1, k2, p1, p2, k3.
        root_depth: (..., 1, 1) mm along the optical axis.
    """

    crop_from_image: typing.Any
    intrinsics: typing.Any
    distortion: typing.Any
    root_depth: typing.Any


def cell_centres(cells):
    """Unit coordinates of the centres of `cells` cells, (cells,) float32."""
    return (np.arange(cells, dtype=np.float32) + 0.5) / cells


@dataclasses.dataclass(frozen=True)
class MetricVolume:
    """A cube around the root, its axes those of the crop.

    Attributes:
        size_mm: Side of the cube. The report uses 2200 mm.
    """

    size_mm: float = 2200.0

    def encode(self, joints_mm, joints_px, root_mm, view):
        """Unit coordinates of joints: the labels of a network.

        Args:
            joints_mm: (..., J, 3) camera frame.
            joints_px: Not used; the volume knows no pixels.
            root_mm: (..., 1, 3) camera frame.
            view: The View of the crop. A crop that turns or mirrors the image
                turns and mirrors the cube; its scale, stretch and shift do
                not matter: a wider picture is no wider person.

        Returns:
            (..., J, 3), x right, y down, z away; inside [0, 1] where the joint
            is inside the cube.
        """
        del joints_px
        offset = joints_mm - root_mm
        transform = view.crop_from_image
        zoomed = crop.apply_linear(transform, offset[..., :2])
        turned = zoomed / crop.zoom_of(transform)
        return (turned @ _XY_OF_3 + offset * _Z) / self.size_mm + 0.5

    def decode(self, pose, view):
        """Joints in mm, the inverse of `encode`.

        Args:
            pose: (..., J, 3) unit coordinates.
            view: The View of the crop.

        Returns:
            (..., J, 3) mm along the camera's axes, relative to the cube's
            centre.
        """
        offset = (pose - 0.5) * self.size_mm
        transform = view.crop_from_image
        zoomed = offset[..., :2] * crop.zoom_of(transform)
        turned = crop.apply_inverse_linear(transform, zoomed)
        return turned @ _XY_OF_3 + offset * _Z

    def unit_mm(self, view):
        """Millimetres for each unit of x, y and z, (..., 1, 3)."""
        del view
        return self.size_mm * (_XY + _Z)[None]

    def coordinate_weight(self, weight_2d, weight_3d):
        """Which coordinates of a label are known.

        Args:
            weight_2d: (..., J, 1), 1 where the pixel of a joint is known.
            weight_3d: (..., J, 1), 1 where its 3D place is known.

        Returns:
            (..., J, 3).
        """
        del weight_2d
        return weight_3d * (_XY + _Z)


@dataclasses.dataclass(frozen=True)
class CropVolume:
    """The crop, and a slab around the root's depth.

    Attributes:
        crop_size: Side of the crop, px.
        depth_mm: Depth of the slab. Sun et al. use 2000 mm.
    """

    crop_size: int = 256
    depth_mm: float = 2000.0

    def encode(self, joints_mm, joints_px, root_mm, view):
        """Unit coordinates of joints: the labels of a network.

        Args:
            joints_mm: (..., J, 3) camera frame; only the depth is used.
            joints_px: (..., J, 2) px in the whole image, with distortion.
            root_mm: (..., 1, 3) camera frame.
            view: The View of the crop.

        Returns:
            (..., J, 3); inside [0, 1] where the joint is inside the crop and
            the slab.
        """
        in_crop = crop.apply(view.crop_from_image, joints_px)
        plane = (in_crop + 0.5) / self.crop_size
        depth = (joints_mm - root_mm) * _Z / self.depth_mm
        return plane @ _XY_OF_3 + depth + 0.5 * _Z

    def decode(self, pose, view):
        """Joints in mm, the inverse of `encode`.

        Args:
            pose: (..., J, 3) unit coordinates.
            view: The View of the crop.

        Returns:
            (..., J, 3) mm, camera frame.
        """
        depth = (pose[..., 2:3] - 0.5) * self.depth_mm + view.root_depth
        return camera.camera_from_image(
            self.image_points(pose, view),
            depth,
            view.intrinsics,
            view.distortion,
        )

    def image_points(self, pose, view):
        """Pixels of joints in the whole image, (..., J, 2)."""
        in_crop = pose[..., :2] * self.crop_size - 0.5
        return crop.apply_inverse(view.crop_from_image, in_crop)

    def unit_mm(self, view):
        """Millimetres for each unit of x, y and z at the root's depth."""
        side = self.crop_size / crop.zoom_of(view.crop_from_image)  # px
        corner = camera.camera_from_image(
            view.intrinsics[..., None, :2, 2] + side,
            view.root_depth,
            view.intrinsics,
            0 * view.distortion,
        )
        return corner * _XY + self.depth_mm * _Z

    def coordinate_weight(self, weight_2d, weight_3d):
        """Which coordinates of a label are known; see MetricVolume."""
        return weight_2d * _XY + weight_3d * _Z
