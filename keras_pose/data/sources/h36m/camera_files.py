"""Human3.6M's cameras, from any of the files that they are handed on in.

The archive's `metadata.xml`, MMPose's `cameras.pkl`, and the
`Human36M_subject1_camera.json` of the PoseNet layout. What is read is what is
written; which way it is meant, `conventions` finds out.
"""

import dataclasses
import os
import re
import reprlib
import xml.etree.ElementTree

import numpy as np

from keras_pose.data.sources import conventions
from keras_pose.data.sources.h36m import facts
from keras_pose.data.sources.lens import lens_of
from keras_pose.data.sources.reading import files
from keras_pose.data.sources.reading import json_stream
from keras_pose.data.sources.reading.numpy_pickle import load_numpy_pickle

# The archive's has 100 kB. Entities could make more of it, so none may be.
_MAX_XML_BYTES = 2**22
_FILES = (
    "metadata.xml",
    "Release-v1.2/metadata.xml",
    "Release-v1.1/metadata.xml",
    "cameras.pkl",
    "annotation_body3d/cameras.pkl",
)
_JSON_NAME = re.compile(r"Human36M_subject(\d{1,2})_camera\.json")

_MIN_UPRIGHT = 0.94  # cosine of 20 degrees

_NUM_SUBJECTS = 11
_EXTRINSICS = (len(facts.CAMERAS), _NUM_SUBJECTS, 6)
_INTRINSICS = (len(facts.CAMERAS), 9)


@dataclasses.dataclass(frozen=True)
class Camera:
    """A camera as its file has it.

    Attributes:
        rotation: (3, 3), or None where the file has none.
        translation: (3,), likewise.
        intrinsics: (3, 3) px.
        distortion: (5,) k1, k2, p1, p2, k3.
    """

    rotation: np.ndarray | None
    translation: np.ndarray | None
    intrinsics: np.ndarray
    distortion: np.ndarray

    @property
    def frame(self):
        """Width and height of its images, about: twice the middle, px."""
        return tuple(2 * self.intrinsics[:2, 2])


def find(root, path):
    """The camera file: `path`, or one that lies in the root.

    Raises:
        ValueError: There is none.
    """
    if path is not None:
        return path
    for name in _FILES:
        if os.path.isfile(found := os.path.join(root, name)):
            return found
    raise ValueError(
        "`cameras` must name metadata.xml or cameras.pkl, which the root has "
        f"not. Received: none, with {root}"
    )


def read(path):
    """Reads a camera file of any kind, told by its name.

    Args:
        path: The file.

    Returns:
        {(subject as "S1", camera as "54138969"): Camera}.

    Raises:
        ValueError: Names the file, the camera and what is wrong.
    """
    if path.endswith(".xml"):
        return _read_xml(path)
    if path.endswith(".pkl"):
        return _read_pickle(path)
    if path.endswith(".json"):
        return _read_json(path)
    raise ValueError(
        f"`cameras` must be an .xml, .pkl or .json file. Received: {path}"
    )


def rotations_to_world(path, subject):
    """The rotations of a subject's cameras, whichever way R is meant.

    Human3.6M's cameras stand upright around the person: their y axis points
    down, along the world's -z, at most 17 degrees off. Read the wrong way, they
    would point along it, or against it, by where each one looks.

    Args:
        path: The camera file.
        subject: As "S1".

    Returns:
        {camera: (3, 3) from the camera to the world}.

    Raises:
        ValueError: A camera has no R, or they stand upright in neither way or
            in both.
    """
    rotations = {
        camera: entry.rotation
        for (of, camera), entry in read(path).items()
        if of == subject
    }
    if not rotations or any(R is None for R in rotations.values()):
        raise ValueError(f"{path}: all cameras of {subject} must have R")
    matrices = np.stack(list(rotations.values()))
    to_world, to_camera = -matrices[:, 2, 1], -matrices[:, 1, 2]
    upright = [(down > _MIN_UPRIGHT).all() for down in (to_world, to_camera)]
    if upright[0] == upright[1]:
        raise ValueError(
            f"{path}: R must tell whether it goes to the world or to the "
            f"camera: the cameras of {subject} must stand upright in one of "
            f"the two, cosines above {_MIN_UPRIGHT:g}. Received: "
            f"{to_world.round(3).tolist()}, {to_camera.round(3).tolist()}"
        )
    return {camera: R if upright[0] else R.T for camera, R in rotations.items()}


def numbered_folders(path):
    """How folders that number clips call each clip of the archive.

    Args:
        path: The camera file; only the archive's metadata.xml says it.

    Returns:
        {(subject as "S1", archive's name as "Directions 1"): folder with the
        camera's number left open, "s_01_act_02_subact_01_ca_{:02d}"}.

    Raises:
        ValueError: Names the file.
    """
    if not path.endswith(".xml"):
        return {}
    rows = [[cell.text for cell in row] for row in _parse_xml(path, "mapping")]
    subjects = rows[0][2:] if rows else []
    folders = {}
    for row in rows[1:]:
        # The last rows are about other things.
        if len(row) < 2 or not (_is_number(row[0]) and _is_number(row[1])):
            continue
        action, subaction = map(int, row[:2])
        for subject, name in zip(subjects, row[2:], strict=False):
            if subject and _is_number(subject[1:]) and name:
                folders[subject, name] = (
                    f"s_{int(subject[1:]):02d}_act_{action:02d}"
                    f"_subact_{subaction:02d}_ca_{{:02d}}"
                )
    return folders


def _is_number(text):
    return text is not None and re.fullmatch(r"[0-9]{1,4}", text) is not None


def _parse_xml(path, tag):
    """The element of this name in metadata.xml's root."""
    content = files.read_text(path, _MAX_XML_BYTES)
    try:
        # Entities can unpack to anything, or read other files.
        if "<!" in content.replace("<!--", ""):
            raise ValueError("must not declare types or entities")
        element = xml.etree.ElementTree.fromstring(content).find(tag)
    except (ValueError, xml.etree.ElementTree.ParseError) as error:
        raise ValueError(f"{path}: cannot be read: {error}") from error
    if element is None:
        raise ValueError(f"{path}: must have an element `{tag}`")
    return element


def _read_xml(path):
    """The archive's own: `w0`, 4 x 11 x 6 numbers and then 4 x 9.

    Three angles and the camera's place in mm for each camera and subject; f,
    c, k and p for each camera. R is Rx(a) Ry(b) Rz(c), world to camera.
    """
    text = (_parse_xml(path, "w0").text or "").strip().strip("[]")
    size = np.prod(_EXTRINSICS) + np.prod(_INTRINSICS)
    try:
        numbers = np.array(text.split(), np.float64)
    except ValueError as error:
        raise ValueError(f"{path}: `w0` must be numbers: {error}") from error
    if numbers.shape != (size,) or not np.isfinite(numbers).all():
        raise ValueError(
            f"{path}: `w0` must be {size} finite numbers. "
            f"Received: {numbers.size}"
        )
    extrinsics, intrinsics = np.split(numbers, [np.prod(_EXTRINSICS)])
    extrinsics = extrinsics.reshape(_EXTRINSICS)
    lenses = [
        lens_of(dict(zip("fckp", np.split(lens, (2, 4, 7)), strict=True)), path)
        for lens in intrinsics.reshape(_INTRINSICS)
    ]
    return {
        (f"S{subject + 1}", name): Camera(
            _rotation(*extrinsics[camera, subject, :3]),
            extrinsics[camera, subject, 3:],
            *lenses[camera],
        )
        for camera, name in enumerate(facts.CAMERAS)
        for subject in range(_NUM_SUBJECTS)
    }


def _rotation(x, y, z):
    """Rx(x) Ry(y) Rz(z), (3, 3)."""
    cos, sin = np.cos([x, y, z]), np.sin([x, y, z])
    about_x = [[1, 0, 0], [0, cos[0], -sin[0]], [0, sin[0], cos[0]]]
    about_y = [[cos[1], 0, sin[1]], [0, 1, 0], [-sin[1], 0, cos[1]]]
    about_z = [[cos[2], -sin[2], 0], [sin[2], cos[2], 0], [0, 0, 1]]
    return np.array(about_x) @ about_y @ about_z


def _read_pickle(path):
    entries = load_numpy_pickle(path)
    if not isinstance(entries, dict):
        raise ValueError(
            f"{path}: must hold a dict of cameras. "
            f"Received: {type(entries).__name__}"
        )
    cameras = {}
    for key, entry in entries.items():
        if (
            not isinstance(key, tuple)
            or len(key) != 2
            or not all(isinstance(part, str) for part in key)
        ):
            raise ValueError(
                f"{path}: a camera's key must be subject and camera. "
                f"Received: {reprlib.repr(key)}"
            )
        cameras[key] = _camera(entry, "RT", f"{path}: camera {key!r}")
    return cameras


def _read_json(path):
    match = _JSON_NAME.fullmatch(os.path.basename(path))
    if not match:
        raise ValueError(
            f"{path}: must be named Human36M_subject1_camera.json or the like"
        )
    entries = _json_entries(path)
    return {
        (f"S{int(match[1])}", facts.CAMERAS[int(number) - 1]): _camera(
            entry, "Rt", f"{path}: camera {number}"
        )
        for number, entry in entries.items()
    }


def _json_entries(path):
    """{number of the camera: {field: flat list of numbers}}."""
    numbers = [str(n + 1) for n in range(len(facts.CAMERAS))]
    entries, number, field, depth = {}, "", "", 0

    def require(holds, received):
        if not holds:
            raise ValueError(
                f"{path}: must hold cameras {', '.join(numbers)}, each with "
                "fields of at most 9 numbers. "
                f"Received: {reprlib.repr(received)}"
            )

    for event, value in json_stream.events(path):
        if event == "map_key":
            if depth == 1:
                require(value in numbers, value)
                number, field = value, ""
            else:
                require(depth == 2, value)
                field = value
        elif event.startswith("start"):
            depth += 1
        elif event.startswith("end"):
            depth -= 1
        else:
            require(depth > 2 and field, value)
            row = entries.setdefault(number, {}).setdefault(field, [])
            row.append(value)
            require(len(row) <= 9, field)
    require(entries, "none")
    return entries


def _camera(entry, names, where):
    """A Camera of a dict of arrays; `names` are those of R and T."""
    intrinsics, distortion = lens_of(entry, where)
    rotation, translation = (entry.get(name) for name in names)
    try:
        if rotation is not None:
            rotation = np.float64(rotation).reshape(3, 3)
            conventions.check_rotation(rotation)
            translation = np.float64(translation).reshape(3)
            if not np.isfinite(translation).all():
                raise ValueError(f"T must be finite. Received: {translation}")
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{where} must have R of 3 x 3 and {names[1]} of 3 numbers, or no "
            f"R: {error}"
        ) from error
    return Camera(rotation, translation, intrinsics, distortion)
