"""The folder that a TensorFlow Serving container is given.

    FOLDER/models.config
    FOLDER/batching_parameters.txt
    FOLDER/NAME/VERSION/                  a SavedModel
    FOLDER/NAME/VERSION/assets.extra/     what we add to it

Source: TensorFlow Serving's `config/model_server_config.proto`,
`servables/tensorflow/session_bundle_config.proto`, and its guides to
configuration, batching and SavedModel warm-up.
"""

import json
import os
import re

from keras_pose.serving import model_card
from keras_pose.serving import warmup

CONFIG_FILE = "models.config"
BATCHING_FILE = "batching_parameters.txt"
SKELETON_FILE = "skeleton.json"
MODEL_CARD_FILE = "MODEL_CARD.md"
# Where the container has FOLDER, and the largest number of a version.
_MOUNT = "/models"
_MAX_VERSION = 2**63 - 1

_CONFIG = """\
# ModelServerConfig. The newest version below the base path is served; a newer
# one is loaded beside it and takes over.
model_config_list {{
  config {{
    name: "{name}"
    base_path: "{mount}/{name}"
    model_platform: "tensorflow"
  }}
}}
"""

_BATCHING = """\
# BatchingParameters. Requests that wait at the same time are run as one batch.

# Images, not people, in a batch. A request of more is refused.
max_batch_size { value: 16 }

# How long a request waits for company while a thread is free: little beside the
# tens of milliseconds of the network on a CPU. Under load batches fill without
# it.
batch_timeout_micros { value: 2000 }

# Batches at a time. Set it to the number of the server's cores.
num_batch_threads { value: 4 }

# Batches that wait. Beyond them the server answers UNAVAILABLE, upon which
# clients wait and try again: better than a queue that outlasts their patience.
max_enqueued_batches { value: 4 }

# Images with different numbers of boxes go into one batch; num_boxes says which
# boxes are padding.
pad_variable_length_inputs: true
"""


def version_folder(folder, name, version):
    """Where a version of a model belongs.

    Args:
        folder: FOLDER above.
        name: The model's name on the server: ASCII letters, digits, _ and -.
        version: Positive integer; the server takes the largest.

    Raises:
        ValueError: Name or version is something else.
    """
    _check_name(name)
    is_integer = isinstance(version, int) and not isinstance(version, bool)
    if not is_integer or not 0 < version <= _MAX_VERSION:
        raise ValueError(
            f"`version` must be an integer from 1 to {_MAX_VERSION}. "
            f"Received: {version!r}"
        )
    return os.path.join(folder, name, str(version))


def write_configs(folder, name):
    """Writes `models.config` and `batching_parameters.txt`.

    Args:
        folder: FOLDER above.
        name: As of `version_folder`.

    Raises:
        ValueError: The name is something else.
    """
    _check_name(name)
    _write(folder, CONFIG_FILE, _CONFIG.format(name=name, mount=_MOUNT))
    _write(folder, BATCHING_FILE, _BATCHING)


def add_assets(saved_model, spec, name, model_path):
    """Adds skeleton, model card and warm-up requests to a SavedModel.

    Args:
        saved_model: Its folder.
        spec: The PoseSpec.
        name: As of `version_folder`.
        model_path: What it was exported from, a `.keras` file or the folder of
            a training run.

    Raises:
        ValueError: The name is something else, or what the run's folder says
            of the training is damaged.
    """
    _check_name(name)
    card = model_card.card(spec, name, model_path)
    extra = os.path.join(saved_model, "assets.extra")
    os.makedirs(extra, exist_ok=True)
    _write(extra, MODEL_CARD_FILE, card)
    _write(extra, SKELETON_FILE, skeleton_json(spec.skeleton))
    warmup.write_requests(os.path.join(extra, warmup.FILE_NAME), spec, name)


def skeleton_json(skeleton):
    """The joints of a Skeleton, for clients in any language.

    Returns:
        JSON: name; joints, names in the order of every output; parents, the
        index of each joint's parent or -1; flip_pairs, (left, right) indices;
        root, the index of the joint that joints_mm is relative to.
    """
    return json.dumps(
        {
            "name": skeleton.name,
            "joints": skeleton.joints,
            "parents": skeleton.parents,
            "flip_pairs": skeleton.flip_pairs,
            "root": skeleton.root,
        },
        indent=1,
    )


def _check_name(name):
    # It is part of paths, of URLs and of quoted text. Without dots it cannot
    # be that of a file beside it.
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]*", name, re.ASCII):
        raise ValueError(
            "`name` must be ASCII letters, digits, _ and -, not beginning with "
            f"-. Received: {name!r}"
        )


def _write(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
