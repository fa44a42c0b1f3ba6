"""Images and boxes to the arrays of a request, and a response's to people.

The `serve_bytes` signature takes B images with at most P people each, as whole
arrays; callers have another number of boxes for each image.
"""

import dataclasses

import numpy as np

# What files of the formats that the server decodes begin with.
_BEGINNINGS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a")
_POSE = ("joints_mm", "joints_camera_mm", "joints_px")
_SPREAD = ("confidence", "std_mm")


@dataclasses.dataclass(frozen=True, eq=False)
class Person:
    """One person's pose as the server sent it.

    The joints are in the order of the model's skeleton, which
    `assets.extra/skeleton.json` of the SavedModel names.

    Attributes:
        joints_mm: (J, 3) float32 mm, relative to the root, along the camera's
            axes: x right, y down, z away.
        joints_camera_mm: (J, 3) float32 mm, camera frame.
        joints_px: (J, 2) float32 px in the upright image.
        confidence: (J,) float32 in [0, 1], or None where the network has a
            regression head.
        std_mm: (J,) float32 mm, root-mean-square distance under the heatmap,
            or None likewise.
        error: None, or what was wrong with the image or the box; then every
            number is NaN.
    """

    joints_mm: np.ndarray
    joints_camera_mm: np.ndarray
    joints_px: np.ndarray
    confidence: np.ndarray | None
    std_mm: np.ndarray | None
    error: str | None


def request_arrays(images, boxes, intrinsics, distortion, root_depth_mm):
    """Checks images and all that belongs to them, and pads to whole arrays.

    Args:
        images: B encoded images, bytes.
        boxes: None, or for each image None or (n, 4) x, y, width, height px.
        intrinsics: None, (3, 3) px, or for each image None or (3, 3).
        distortion: None, (5,), or for each image None or (5,).
        root_depth_mm: None, or for each image None or (n,).

    Returns:
        The inputs of `serve_bytes`. There is room for one person at least:
        TensorFlow Serving fails a whole batch of requests over one that is
        empty along an axis.

    Raises:
        ValueError: Names the argument, the rule and the value.
    """
    encoded = np.empty(len(images), object)
    for index, image in enumerate(images):
        encoded[index] = _check_encoded(image, f"images[{index}]")
    count = len(encoded)
    rows = [
        _numbers(box, (None, 4), f"boxes[{index}]")
        for index, box in enumerate(_each("boxes", boxes, count))
    ]
    counts = [0 if row is None else len(row) for row in rows]
    width = max([1, *counts])
    padded = np.zeros((count, width, 4), np.float32)
    depths = np.zeros((count, width), np.float32)
    for index, depth in enumerate(_each("root_depth_mm", root_depth_mm, count)):
        size = 1 if rows[index] is None else counts[index]
        depth = _numbers(depth, (size,), f"root_depth_mm[{index}]")
        if counts[index]:
            padded[index, : counts[index]] = rows[index]
        if depth is not None:
            depths[index, :size] = depth
    return {
        "image_bytes": encoded,
        "boxes": padded,
        "num_boxes": np.array(counts, np.int32),
        "intrinsics": _camera("intrinsics", intrinsics, count, (3, 3)),
        "distortion": _camera("distortion", distortion, count, (5,)),
        "root_depth_mm": depths,
    }


def people(outputs, counts):
    """Reads the outputs of `serve_bytes`.

    Args:
        outputs: Name -> array (B, P, ...). P may be more than was asked for:
            a server pads the requests that it batches to the largest.
        counts: For each image the number of its boxes; 0 where it was taken
            as one person.

    Returns:
        For each image a list of Person, in the order of its boxes.

    Raises:
        ValueError: The outputs are not those of the signature.
    """
    counts = [max(1, count) for count in counts]
    _check_outputs(outputs, len(counts), max(counts))
    return [
        [_person(outputs, index, slot) for slot in range(count)]
        for index, count in enumerate(counts)
    ]


def check_crops(crops):
    """Checks (B, S, S, 3) uint8 crops.

    Raises:
        ValueError: They are something else.
    """
    crops = np.asarray(crops)
    shape = crops.shape
    if (
        crops.dtype != np.uint8
        or len(shape) != 4
        or shape[3] != 3
        or (shape[1] != shape[2] or 0 in shape)
    ):
        raise ValueError(
            "`crops` must be (B, S, S, 3) uint8, RGB. "
            f"Received: shape {shape}, {crops.dtype}"
        )
    return crops


def _check_encoded(image, name):
    if not isinstance(image, bytes | bytearray | memoryview):
        raise ValueError(
            f"`{name}` must be the bytes of an encoded image. "
            f"Received: {type(image).__name__}"
        )
    image = bytes(image)
    is_webp = image[:4] == b"RIFF" and image[8:12] == b"WEBP"
    if not is_webp and not image.startswith(_BEGINNINGS):
        raise ValueError(
            f"`{name}` must be a JPEG, PNG, WebP or GIF. "
            f"Received: {len(image)} bytes that begin with {image[:12]!r}"
        )
    return image


def _each(name, values, count):
    """One value for each image; None for all stands for None for each."""
    if values is None:
        return [None] * count
    if len(values) != count:
        raise ValueError(
            f"`{name}` must have one entry for each of {count} images. "
            f"Received: {len(values)}"
        )
    return values


def _camera(name, values, count, shape):
    """(B, ...) float32 of each image's camera; zeros where not known."""
    if values is not None and len(values) and values[0] is not None:
        first = _numbers(values[0], None, f"{name}[0]")
        if first.ndim < len(shape):  # one camera, not one for each image
            values = [values] * count
    result = np.zeros((count, *shape), np.float32)
    for index, value in enumerate(_each(name, values, count)):
        if value is not None:
            result[index] = _numbers(value, shape, f"{name}[{index}]")
    return result


def _numbers(value, shape, name):
    """A float32 array of a shape, None standing for any size; or None."""
    if value is None:
        return None
    try:
        # What is too large for float32 is infinite, and refused by the server.
        with np.errstate(over="ignore"):
            array = np.asarray(value, np.float64).astype(np.float32)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"`{name}` must be numbers. Received: {value!r:.200}"
        ) from error
    if shape is None:
        return array
    if array.size == 0 and shape[0] is None:
        return array.reshape(0, *shape[1:])
    if len(array.shape) != len(shape) or any(
        wanted not in (None, size)
        for size, wanted in zip(array.shape, shape, strict=True)
    ):
        wanted = str(shape).replace("None", "n")
        raise ValueError(
            f"`{name}` must have shape {wanted}. Received: {array.shape}"
        )
    return array


def _check_outputs(outputs, count, width):
    missing = {*_POSE, "error"} - outputs.keys()
    if missing:
        raise ValueError(
            "the outputs must hold joints_mm, joints_camera_mm, joints_px and "
            f"error. Received: {', '.join(sorted(outputs))}"
        )
    for name in outputs.keys() & {*_POSE, *_SPREAD, "error"}:
        shape = outputs[name].shape
        if len(shape) < 2 or shape[0] != count or shape[1] < width:
            raise ValueError(
                f"the output {name} must have shape ({count}, {width} or more, "
                f"...). Received: {shape}"
            )


def _person(outputs, index, slot):
    arrays = {name: outputs[name][index, slot] for name in _POSE}
    for name in _SPREAD:
        arrays[name] = outputs[name][index, slot] if name in outputs else None
    error = outputs["error"][index, slot]
    if isinstance(error, bytes):
        error = error.decode("utf-8", "replace")
    return Person(**arrays, error=error or None)
