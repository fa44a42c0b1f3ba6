"""Predicts the pose of a person in an image, in mm.

python predict.py --model=runs/h36m --image=photo.jpg --box=120,40,200,420 \
    --out=photo_pose

Writes photo_pose.json, and photo_pose.png: the image with the pose on it
beside the pose in 3D.
"""

import json

from absl import flags
from absl import logging

from keras_pose import console

_MODEL = flags.DEFINE_string(
    "model",
    None,
    "Run folder, .keras, .tflite or .onnx file, SavedModel or OpenVINO folder.",
)
_IMAGE = flags.DEFINE_string("image", None, "Image file.")
_OUT = flags.DEFINE_string("out", None, "Path of the results, no extension.")
_BOX = flags.DEFINE_list(
    "box", None, "Person's x,y,width,height in px; else the whole image."
)
_INTRINSICS = flags.DEFINE_list("intrinsics", None, "fx,fy,cx,cy in px.")
_DISTORTION = flags.DEFINE_list("distortion", None, "k1,k2,p1,p2,k3.")
_ROOT_DEPTH = flags.DEFINE_float(
    "root_depth", None, "mm from the camera to the root; else estimated."
)


def main():
    """Reads the flags, predicts, writes the JSON and the picture."""
    from keras_pose.serving import artefacts

    if artefacts.needs_backend(_MODEL.value):
        console.choose_backend("tensorflow", "jax", "torch")
    from keras_pose import images
    from keras_pose import visualization
    from keras_pose.prediction import Predictor

    with open(_IMAGE.value, "rb") as file:
        image = images.decode_image(file.read(), _IMAGE.value, upright=True)
    intrinsics = _numbers("intrinsics", _INTRINSICS.value, 4)
    if intrinsics is not None:
        fx, fy, cx, cy = intrinsics
        intrinsics = [[fx, 0, cx], [0, fy, cy], [0, 0, 1]]
    pose = Predictor(_MODEL.value)(
        image,
        _numbers("box", _BOX.value, 4),
        intrinsics,
        _numbers("distortion", _DISTORTION.value, 5),
        _ROOT_DEPTH.value,
    )
    visualization.save_pose_picture(f"{_OUT.value}.png", image, pose)
    with open(f"{_OUT.value}.json", "w", encoding="utf-8") as file:
        content = {"image": _IMAGE.value, **pose.to_dict()}
        json.dump(content, file, indent=1)
        file.write("\n")
    if pose.intrinsics_from != "given":
        logging.warning(
            "no --intrinsics: %s; the place of the person is a guess too",
            pose.intrinsics_from,
        )
    print(f"{_OUT.value}.json\n{_OUT.value}.png")


def _numbers(name, values, count):
    """Parses a flag of `count` numbers."""
    if values is None:
        return None
    try:
        numbers = [float(value) for value in values]
    except ValueError:
        numbers = []
    if len(numbers) != count:
        raise ValueError(
            f"--{name} must be {count} numbers. Received: {','.join(values)}"
        )
    return numbers


if __name__ == "__main__":
    console.run(main, required=["model", "image", "out"])
