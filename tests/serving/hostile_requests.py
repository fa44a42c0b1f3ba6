"""Requests to `serve_bytes` as strangers send them, and what is right.

An answer is right where it says what `Predictor` says of the same bytes, box
and camera; or is no number, with an error that says why.
"""

import dataclasses
import re

import cv2
import numpy as np
import tensorflow as tf

from keras_pose import images
from tests.serving import c_loader
from tests.serving import hostile_images

INPUTS = (
    "image_bytes",
    "boxes",
    "num_boxes",
    "intrinsics",
    "distortion",
    "root_depth_mm",
)
_WIDTH, _HEIGHT = hostile_images.WIDTH, hostile_images.HEIGHT
INTRINSICS = np.float32([[240, 0, 100], [0, 250, 77], [0, 0, 1]])
LENS = np.float32([-0.2, 0.24, -0.0014, 0.002, -0.003])
BAD_NUMBERS = (np.nan, np.inf, -np.inf, 1e30, -1e30, 1e-30, 0, -5)


@dataclasses.dataclass
class Request:
    """One request.

    Attributes:
        name: What is hostile about it.
        inputs: Name -> array.
        is_sound: Whether every person of it must be found.
        is_protocol: Whether the graph must refuse it as a whole.
    """

    name: str
    inputs: dict
    is_sound: bool = False
    is_protocol: bool = False


def request_of(name, image_bytes, boxes, num_boxes=None, **flags):
    """A Request of images without cameras."""
    boxes = np.float32(boxes)
    batch, people = boxes.shape[:2]
    if num_boxes is None:
        num_boxes = [people] * batch
    inputs = {
        "image_bytes": np.array(image_bytes, object),
        "boxes": boxes,
        "num_boxes": np.int32(num_boxes),
        "intrinsics": np.zeros((batch, 3, 3), np.float32),
        "distortion": np.zeros((batch, 5), np.float32),
        "root_depth_mm": np.zeros((batch, people), np.float32),
    }
    return Request(name, inputs, **flags)


def requests(seed, count):
    """Yields so many Requests, of all kinds alike."""
    rng = np.random.default_rng(seed)
    sound = hostile_images.sound_images()
    makers = (
        _sound_image,
        _damaged_image,
        _damaged_image,
        _noise,
        _box,
        _camera,
        _count,
        _protocol,
    )
    for index in range(count):
        yield makers[index % len(makers)](rng, sound)


def bomb_requests():
    """Yields a Request for each bomb, beside a sound image."""
    sound = hostile_images.sound_images()["jpeg"]
    for name, bomb in hostile_images.bombs().items():
        boxes = [[[20, 10, 100, 120]], [[20, 10, 100, 120]]]
        yield request_of(name, [bomb, sound], boxes)


def _good_box(rng):
    size = rng.uniform(20, 150, 2)
    corner = rng.uniform(0, [_WIDTH, _HEIGHT] - size / 2)
    return np.float32([*corner, *size])


def _pick(rng, made):
    name = rng.choice(sorted(made))
    return name, made[name]


def _sound_image(rng, sound):
    name, image = _pick(rng, sound)
    _, other = _pick(rng, sound)
    boxes = [[_good_box(rng), _good_box(rng)], [_good_box(rng)] * 2]
    is_flat = "one pixel" in name
    if is_flat:
        return request_of(name, [image], [[[0, 0, 100, 100]]], is_sound=True)
    boxes[0][0] = [0, 0, 150, 150]  # inside whichever way it is turned
    counts = [1, int(rng.integers(0, 2))]
    boxes[1] = [[0, 0, 140, 140]] * 2
    return request_of(
        name,
        [image, other],
        boxes,
        counts,
        is_sound="one pixel" not in name,
    )


def _damaged_image(rng, sound):
    name, image = _pick(rng, sound)
    if rng.integers(10) == 0:
        name, (image, _) = _pick(rng, hostile_images.refused_images())
    image = image or b"?"
    damage = hostile_images.damaged(rng, image)
    boxes = [[_good_box(rng)], [_good_box(rng)]]
    return request_of(f"{name}, damaged", [damage, sound["jpeg"]], boxes)


def _noise(rng, sound):
    starts = (b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a")
    starts += (b"RIFF\x00\x01\x00\x00WEBPVP8X", b"RIFF\0\0\0\0WEBPVP8L", b"BM")
    start = starts[rng.integers(len(starts))]
    noise = start + rng.bytes(int(rng.choice([0, 1, 5, 30, 400, 5000])))
    return request_of("noise", [noise], [[_good_box(rng)]])


def _box(rng, sound):
    boxes = np.stack([_good_box(rng) for _ in range(4)])
    for box in boxes[1:]:
        box[rng.integers(4)] = rng.choice(BAD_NUMBERS)
    if rng.integers(2):
        boxes[1] *= rng.choice([1e-3, 30, 1e5])
    return request_of("boxes", [sound["png"]], [boxes])


def _camera(rng, sound):
    request = request_of("camera", [sound["png"]] * 3, [[_good_box(rng)]] * 3)
    inputs = request.inputs
    inputs["intrinsics"][:] = INTRINSICS
    inputs["distortion"][:] = LENS
    row, column = rng.integers(3, size=2)
    inputs["intrinsics"][1, row, column] = rng.choice(BAD_NUMBERS)
    place = rng.integers(5)
    inputs["distortion"][2, place] = rng.choice([*BAD_NUMBERS, 0.5, -1, 10])
    inputs["root_depth_mm"][:, 0] = rng.choice(
        [*BAD_NUMBERS, 4000, 100, 1e5], size=3
    )
    inputs["root_depth_mm"][0] = 0
    return request


def _count(rng, sound):
    people = int(rng.integers(0, 40))
    boxes = np.stack([_good_box(rng) for _ in range(max(people, 1))])[:people]
    boxes = boxes.reshape(1, people, 4)
    count = int(rng.choice([-1, 0, people, people + 1, 2**31 - 1, -(2**31)]))
    return request_of("num_boxes", [sound["png"]], boxes, [count])


def _protocol(rng, sound):
    """Tensors of wrong types and shapes, and batches of nothing."""
    request = request_of("protocol", [sound["png"]] * 2, [[_good_box(rng)]] * 2)
    name = str(rng.choice(INPUTS))
    value = request.inputs[name]
    change = rng.integers(7)
    if change == 0:  # another type
        number = np.zeros(value.shape, np.float32)
        value = number.astype(np.uint8 if value.dtype == np.float32 else "f4")
    elif change == 1:  # a dimension more
        value = value[..., None]
    elif change == 2:  # a dimension less
        value = np.array(value[0], value.dtype)
    elif change == 3:  # another batch
        value = np.repeat(value, 2, axis=0)
    elif change == 4:  # its last dimension cut
        value = value[..., :1] if value.ndim > 1 else value[:1]
    elif change == 5:  # nothing of it
        value = value[:0]
    else:
        empty = {key: array[:0] for key, array in request.inputs.items()}
        return Request("empty batch", empty)
    return dataclasses.replace(
        request,
        name=f"{name} changed",
        inputs=request.inputs | {name: value},
        # The depths' last dimension is of one person, and cut as it was.
        is_protocol=value.shape != request.inputs[name].shape
        or value.dtype != request.inputs[name].dtype,
    )


def expected_poses(predictor, inputs):
    """What `Predictor` says: (image, slot) -> Pose, or the ValueError."""
    found = {}
    for image, encoded in enumerate(inputs["image_bytes"]):
        slots = inputs["boxes"].shape[1]
        count = int(inputs["num_boxes"][image])
        if not 0 <= count <= slots:
            continue
        for slot in range(max(count, 1)):
            found[image, slot] = _pose(
                predictor, encoded, inputs, image, slot, count
            )
    return found


def _pose(predictor, encoded, inputs, image, slot, count):
    intrinsics = inputs["intrinsics"][image]
    depth = 0.0
    if inputs["root_depth_mm"].shape[1]:
        depth = float(inputs["root_depth_mm"][image, slot])
    arguments = (
        inputs["boxes"][image, slot] if count else None,
        intrinsics if np.any(intrinsics != 0) else None,
        inputs["distortion"][image],
        depth if depth != 0 else None,
    )
    try:
        pixels = images.decode_image(encoded, "image", upright=True)
    except ValueError as error:
        return _Undecodable(predictor, encoded, arguments, str(error))
    return _predict(predictor, pixels, arguments)


def _predict(predictor, pixels, arguments):
    try:
        box, *others, root_depth = arguments
        depths = None if root_depth is None else [root_depth]
        boxes = "image" if box is None else box
        return predictor(pixels, boxes, *others, depths)[0]
    except ValueError as error:
        return error


@dataclasses.dataclass
class _Undecodable:
    """Bytes that Pillow refuses, which refuses damaged metadata too."""

    predictor: object
    encoded: bytes
    arguments: tuple
    error: str

    def poses(self):
        """Those of the pixels by another decoder, whichever way is up."""
        if self.encoded.startswith(b"GIF"):
            return [
                _predict(
                    self.predictor, _by_giflib(self.encoded), self.arguments
                )
            ]
        flags = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
        stored = np.frombuffer(self.encoded, np.uint8)
        try:
            pixels = cv2.imdecode(stored, flags)
        except cv2.error:
            pixels = None
        if pixels is None:
            return []
        ways = [pixels, pixels.transpose(1, 0, 2)]
        ways = [way[::y, ::x] for way in ways for y in (1, -1) for x in (1, -1)]
        return [
            _predict(self.predictor, np.ascontiguousarray(way), self.arguments)
            for way in ways
        ]


def _by_giflib(encoded):
    """The first frame; a GIF has no checksum, and giflib takes any code."""
    opaque = re.sub(rb"(?s)\x21\xf9\x04.", b"\x21\xf9\x04\0", encoded)
    return tf.io.decode_gif(opaque)[0].numpy()


def faults(request, answer, predictor):
    """What is wrong with an answer, texts; none where it is right."""
    if "refusal" in answer:
        text = f"code {answer['code']}: {answer['refusal'][:300]}"
        is_told = answer["code"] == c_loader.INVALID_ARGUMENT
        is_right = request.is_protocol and is_told
        return [] if is_right else [f"refused, {text}"]
    if request.is_protocol:
        return ["tensors that do not fit are answered"]
    outputs = answer["outputs"]
    found = _faults_of_shape(request.inputs, outputs)
    # Decoders differ by 1 of 255 in what is damaged, lenses that none has in
    # what they do far outside the image.
    atol_mm = 1.0 if request.is_sound else 10.0
    error = outputs["error"]
    expected = expected_poses(predictor, request.inputs)
    for image, slot in np.ndindex(*error.shape):
        numbers = {
            name: values[image, slot]
            for name, values in outputs.items()
            if name != "error"
        }
        text = error[image, slot].decode()
        pose = expected.get((image, slot))
        where = f"image {image}, slot {slot}: "
        found += [
            where + fault for fault in _faults(numbers, text, pose, atol_mm)
        ]
        if request.is_sound and text:
            found.append(f"{where}refused: {text}")
    return found


def _faults_of_shape(inputs, outputs):
    batch, people = inputs["boxes"].shape[:2]
    wanted = (batch, max(people, 1))
    return [
        f"{name} is {values.shape}"
        for name, values in outputs.items()
        if values.shape[:2] != wanted
    ]


def _faults(numbers, text, pose, atol_mm):
    is_nan = [np.isnan(value).all() for value in numbers.values()]
    if text or pose is None:
        return [] if all(is_nan) else ["numbers beside an error"]
    if isinstance(pose, _Undecodable):
        others = [
            _faults(numbers, text, other, atol_mm) for other in pose.poses()
        ]
        return [] if [] in others else [f"a pose of no image: {pose.error}"]
    if isinstance(pose, ValueError):
        return [f"a pose that Predictor refuses: {pose}"]
    if not all(np.isfinite(value).all() for value in numbers.values()):
        return ["neither numbers nor an error"]
    far = np.abs(pose.joints_camera_mm).max() / 1000
    limits = {
        "joints_mm": atol_mm,
        "joints_camera_mm": atol_mm * max(1, 3 * far),
        "joints_px": 0.5,
        "std_mm": atol_mm,
        "confidence": 0.01,
    }
    wrong = []
    for name, limit in limits.items():
        apart = np.abs(numbers[name] - getattr(pose, name)).max()
        if not apart <= limit:
            wrong.append(f"{name} is off by {apart:.3g}")
    return wrong
