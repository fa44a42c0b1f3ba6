"""What is known of a network, for the people who deploy it.

It says what the files of the training run say, and that nothing is known where
they are absent.
"""

import json
import os

from keras_pose import __version__
from keras_pose.geometry.volume import MetricVolume
from keras_pose.serving import artefacts

# Files of a run's folder, and the networks there that they speak of.
_RUN_FILE = "run.json"
_SCORES_FILE = "scores.json"
_NETWORKS = ("best.keras", "last.keras")

_INPUTS = {
    "image_bytes (B,)": (
        "JPEG, PNG, WebP, or GIF (its first frame), turned upright by its EXIF "
        "orientation"
    ),
    "boxes (B, P, 4)": (
        "x, y, width, height in px of the upright image, tight on the people"
    ),
    "num_boxes (B,)": (
        "how many of an image's boxes count; 0: the whole image is one person"
    ),
    "intrinsics (B, 3, 3)": "px; zeros: an ordinary camera is assumed",
    "distortion (B, 5)": "k1, k2, p1, p2, k3 of OpenCV; zeros: none",
    "root_depth_mm (B, P)": (
        "mm from the camera to the root along its axis; 0: estimated"
    ),
}
_OUTPUTS = {
    "joints_mm (B, P, J, 3)": (
        "mm relative to the root; x right, y down, z away from the camera"
    ),
    "joints_camera_mm (B, P, J, 3)": "mm in the camera's frame",
    "joints_px (B, P, J, 2)": "px in the upright image",
    "confidence (B, P, J)": (
        "mass of the heatmap near the joint, 0 to 1; no probability of being "
        "right"
    ),
    "std_mm (B, P, J)": "mm, spread of the heatmap; no measured error",
    "error (B, P)": (
        "empty, or what was wrong with the image or the box; its numbers are "
        "NaN then"
    ),
}
_CROPS = """\
`serving_default` takes `image` (B, {size}, {size}, 3), uint8 RGB crops of one
person each, and gives `joints_mm`, `joints_px` (in the crop), `confidence`,
`std_mm`, and the network's own `pose` and `std` in the unit cube. A network
with a regression head has no `confidence`, `std_mm` and `std`.
"""

_LICENCE = """\
## Licence

The code is Apache-2.0. This card grants no licence to the weights: they are
bound by the licences of the data and of the pretrained weights that they come
from{weights}.
"""


def card(spec, name, model_path):
    """Writes the card.

    Args:
        spec: The PoseSpec.
        name: The model's name on the server.
        model_path: A `.keras` file or the folder of a training run.

    Returns:
        Markdown.

    Raises:
        ValueError: A file of the run is damaged.
    """
    path = artefacts.network_file(os.fspath(model_path))
    folder, network = os.path.split(os.path.abspath(path))
    run = scores = None
    if network in _NETWORKS:
        run = _read(folder, _RUN_FILE)
        scores = _read(folder, _SCORES_FILE)
    try:
        known = _training(run), _scores(scores, network, run), _origins(run)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{folder}: {_RUN_FILE} or {_SCORES_FILE} is damaged: {error!r}"
        ) from error
    training, measured, origins = known
    sections = [
        _heading(spec, name, network),
        _joints(spec),
        _interface(spec),
        training,
        measured,
        _limits(spec),
        _LICENCE.format(weights=origins),
    ]
    return "\n".join(sections)


def _read(folder, name):
    path = os.path.join(folder, name)
    if not os.path.exists(path):
        return None
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except ValueError as error:
        raise ValueError(f"{path}: the file is damaged: {error}") from error


def _heading(spec, name, network):
    return (
        f"# {name}\n\n"
        f"3D human pose from one image: {spec.skeleton.num_joints} joints of "
        f"each person in millimetres. Exported from `{network}` by keras_pose "
        f"{__version__}.\n"
    )


def _joints(spec):
    skeleton = spec.skeleton
    names = (*skeleton.joints, "-")  # a parent of -1 is the last
    rows = [
        (index, joint, names[parent])
        for index, (joint, parent) in enumerate(
            zip(skeleton.joints, skeleton.parents, strict=True)
        )
    ]
    root = "none" if skeleton.root is None else skeleton.joints[skeleton.root]
    return (
        f"## Joints\n\nSkeleton `{skeleton.name}`; its root is {root}. Left "
        "and right are the person's own.\n\n"
        f"{_table(('index', 'joint', 'parent'), rows)}"
    )


def _interface(spec):
    return "\n".join(
        [
            "## Inputs and outputs\n",
            "`serve_bytes` takes encoded images with any number of people "
            "each, found by a\nperson detector that is not part of this model."
            "\n",
            _table(("input", "is"), _INPUTS.items()),
            _table(("output", "is"), _OUTPUTS.items()),
            _CROPS.format(size=spec.input_size),
        ]
    )


def _table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)


def _training(run):
    if run is None:
        return "## Training\n\nThe network came without its run's `run.json`.\n"
    config, starts = run["config"], run["starts"]
    model, train = config["model"], config["train"]
    data = [
        f"- {use}: `{entry['folder']}`, {entry['count']} samples, "
        f"SHA-256 `{entry['sha256']}`"
        for use, entries in run["data"].items()
        for entry in entries
    ]
    commit = (starts[-1].get("git") or {}).get("commit", "not known")
    return "\n".join(
        [
            "## Training\n",
            *data,
            f"- network: {model['backbone']}, {model['head']} head, "
            f"{model['volume']} volume, input {model['input_size']} px",
            f"- at most {train['epochs']} epochs of batches of "
            f"{train['batch_size']}, {train['optimizer']}, "
            f"seed {train['seed']}",
            f"- first started {starts[0]['time']}, {len(starts)} starts, "
            f"code at commit `{commit}`\n",
            f"All settings:\n\n```json\n{json.dumps(config, indent=1)}\n```\n",
        ]
    )


def _scores(scores, network, run):
    # train.py scores its best network on its validation data; evaluate.py says
    # what it scored, and on which.
    if scores is None or "predictions" in scores:  # another system's poses
        scored = ""
    else:
        scored = scores.get("model", _NETWORKS[0])
    if os.path.basename(scored) != network:
        return "## Scores\n\nNone are known of this network.\n"
    data = scores.get("data")
    if data is None:
        data = [entry["folder"] for entry in run["data"]["validation"]]
    folders = ", ".join(f"`{folder}`" for folder in data)
    rows = [("all", scores["mpjpe_mm"], scores["pa_mpjpe_mm"])]
    if scores.get("mean_pose"):
        mean = scores["mean_pose"]
        name = "all, by the mean pose of the training data"
        rows.append((name, mean["mpjpe_mm"], mean["pa_mpjpe_mm"]))
    for joint, row in scores["per_joint_mm"].items():
        rows.append((joint, row["mpjpe"], row["pa_mpjpe"]))
    rounded = [(name, _tenths(a), _tenths(b)) for name, a, b in rows]
    is_given = scores["root_depth"] == "true"
    return "\n".join(
        [
            f"## Scores\n\nOf {scores['frames']} frames of {folders}, before "
            f"the export; {scores['aggregation']}"
            f"{'; the true depth of the root was given' if is_given else ''}."
            "\n",
            _table(("joint", "MPJPE, mm", "PA-MPJPE, mm"), rounded),
            "No scores are known by age, body, skin, clothing or place.\n",
        ]
    )


def _tenths(number):
    return "-" if number is None else f"{number:.1f}"


def _limits(spec):
    if isinstance(spec.volume, MetricVolume):
        reach = (
            f"Joints lie in a cube of {spec.volume.size_mm:.0f} mm around the "
            "root; without `root_depth_mm` the person is placed so that the "
            "pose fills its box."
        )
    else:
        reach = (
            "Joints lie within the crop, and within "
            f"{spec.volume.depth_mm / 2:.0f} mm of the root in depth; without "
            "`root_depth_mm` the person is placed so that the bones have the "
            "training set's mean length, which is wrong for a child."
        )
    return (
        "## Limits\n\n"
        f"- {reach}\n"
        "- One person a box: of two in a box it may take either, or mix them.\n"
        "- Every joint is given, seen or not; each image stands alone, without "
        "the ones before it.\n"
        "- Beyond the people, cameras and poses of its training data nothing "
        "is promised.\n"
    )


def _origins(run):
    if run is None:
        return ""
    model = run["config"]["model"]
    parts = [
        f"`{model[key]}`" for key in ("weights", "initial") if model.get(key)
    ]
    return f" (here {' and '.join(parts)})" if parts else ""
