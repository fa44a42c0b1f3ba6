"""The synthetic data set on disk: rendered in parallel, shard by shard.

    OUT/
      train/ validation/ test/    data sets, as every source gives them
      contact_sheet.png           the first images of train with their joints
      examples/                   photos of people of the last split, and
                                  examples.json: the flags of predict.py
      synthetic.json              what they were made from

All of it grows in a hidden folder beside OUT, which takes its name when it is
whole. A run that was stopped goes on there with the first shard that is
missing.
"""

import contextlib
import dataclasses
import itertools
import json
import os
import shutil

from PIL import Image

from keras_pose import images
from keras_pose import visualization
from keras_pose.data import anatomy
from keras_pose.data import conversion
from keras_pose.data import proof
from keras_pose.data import records
from keras_pose.data import tfrecord
from keras_pose.data.store import Records
from keras_pose.skeleton import H36M_17
from keras_pose.synthesis import scene
from keras_pose.synthesis import workers

try:
    import fcntl
except ImportError:  # Windows has none; two runs are the user's to avoid
    fcntl = None

REQUEST_FILE = "synthetic.json"
SHEET_FILE = "contact_sheet.png"
EXAMPLES = "examples"

# Raised when the same options give other images than before.
GENERATOR_VERSION = 1

_SAMPLES_PER_SHARD = 200
_SHEET_IMAGES = 48
_EXAMPLES = 8


def make(out, count, options, processes=None, progress=None):
    """Renders a data set, or what is missing of it.

    Args:
        out: Folder to make. One that the same request has made is kept.
        count: Images in all splits together.
        options: The scene.Options.
        processes: Images rendered at once; None: as many as there are cores.
        progress: Called with the number of images done so far.

    Returns:
        Dict of split to its DatasetInfo; a small count has no validation or
        test split.

    Raises:
        ValueError: `count` is not positive, an option is wrong, or `out` was
            made or begun by another request, or is being made by another run.
        OSError: The data could not be written, on a full disk for example.
    """
    if count < 1:
        raise ValueError(f"`count` must be positive. Received: {count}")
    if processes is not None and processes < 1:
        raise ValueError(f"`processes` must be positive. Received: {processes}")
    out = os.path.abspath(out)
    studio = scene.Studio(options)
    request = _request(count, options)
    if os.path.lexists(out):
        _check_same(out, request)
    else:
        studio.check()
        partial = os.path.join(
            os.path.dirname(out), f".{os.path.basename(out)}.partial"
        )
        try:
            if os.path.lexists(partial):
                _check_same(partial, request)
            else:
                _begin(partial, request)
            with _alone(partial):
                _fill(partial, count, options, processes, progress)
                os.rename(partial, out)
        except OSError as error:
            if error.filename or partial in str(error):
                raise
            # A write to a full disk fails without saying where.
            reason = error.strerror or error
            raise OSError(f"{partial}: {reason}") from error
    return {
        split: records.read_info(os.path.join(out, split))
        for split in _indices_of_splits(count)
    }


def _request(count, options):
    """All that the bytes of a data set follow from, as JSON."""
    request = {"generator_version": GENERATOR_VERSION, "count": count}
    for field, value in dataclasses.asdict(options).items():
        is_path = isinstance(value, str)
        request[field] = _listing(value) if is_path else value
    return request


def _listing(path):
    """Names and sizes of the files at a path; none for an empty path."""
    if not path:
        return []
    if not os.path.isdir(path):
        return [[os.path.basename(path), os.path.getsize(path)]]
    files = (
        os.path.join(folder, name)
        for folder, _, names in os.walk(path)
        for name in names
        if name[0] != "."  # what file managers leave behind
    )
    return sorted(
        [
            os.path.relpath(file, path).replace(os.sep, "/"),
            os.path.getsize(file),
        ]
        for file in files
    )


def _check_same(folder, request):
    path = os.path.join(folder, REQUEST_FILE)
    try:
        with open(path, encoding="utf-8") as file:
            earlier = json.load(file)
    except (OSError, ValueError) as error:
        raise ValueError(
            f"`out` must not exist, or be made by the same request: {path}: "
            f"{error}"
        ) from error
    if not isinstance(earlier, dict):
        earlier = {}
    changed = [
        field for field, value in request.items() if earlier.get(field) != value
    ]
    if changed:
        raise ValueError(
            f"{folder} was made with another {', '.join(changed)}; "
            "take another folder, or delete it"
        )


def _begin(folder, request):
    """Makes the folder of a data set, with its request or not at all."""
    os.makedirs(folder)
    try:
        path = os.path.join(folder, REQUEST_FILE)
        with open(path, "w", encoding="utf-8") as file:
            json.dump(request, file, indent=1)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


@contextlib.contextmanager
def _alone(folder):
    """Keeps other runs out of a folder for as long as the process lives."""
    if not fcntl:
        yield
        return
    with open(os.path.join(folder, REQUEST_FILE), "rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ValueError(
                f"`out` is being made by another run, in {folder}"
            ) from error
        yield


def _indices_of_splits(count):
    """Numbers of the images of each split that has any."""
    indices = {split: [] for split in scene.SPLITS}
    for index in range(count):
        indices[scene.split_of(index)].append(index)
    return {split: numbers for split, numbers in indices.items() if numbers}


def _shards_of(folder, indices):
    """(path, numbers of its images) of each shard of a split."""
    num_shards = -(-len(indices) // _SAMPLES_PER_SHARD)
    return [
        (
            conversion.shard_path(folder, number, num_shards),
            indices[number * _SAMPLES_PER_SHARD :][:_SAMPLES_PER_SHARD],
        )
        for number in range(num_shards)
    ]


def _fill(folder, count, options, processes, progress):
    """Renders the shards that a folder lacks, then describes them."""
    shards = {
        split: _shards_of(os.path.join(folder, split), indices)
        for split, indices in _indices_of_splits(count).items()
    }
    missing = [
        row
        for rows in shards.values()
        for row in rows
        if not os.path.exists(row[0])
    ]
    wanted = [index for _, indices in missing for index in indices]
    done = itertools.count(count - len(wanted) + 1)
    samples = workers.render_samples(options, wanted, processes)
    with contextlib.closing(samples):
        for path, indices in missing:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            _write_shard(
                path, itertools.islice(samples, len(indices)), done, progress
            )
    for split, rows in shards.items():
        _describe(os.path.join(folder, split), rows)
    splits = [os.path.join(folder, split) for split in shards]
    _write_sheet(os.path.join(folder, SHEET_FILE), splits[0])
    _write_examples(os.path.join(folder, EXAMPLES), splits[-1])


def _write_shard(path, samples, done, progress):
    """Writes a shard; it has its name only when it is whole."""
    unfinished = f"{path}.unfinished"
    with tfrecord.Writer(unfinished) as writer:
        for sample in samples:
            proof.check_sample(sample, H36M_17)
            writer.write(records.encode(sample, H36M_17.num_joints))
            number = next(done)
            if progress:
                progress(number)
    os.replace(unfinished, path)


def _describe(folder, shards):
    """Writes the `dataset.json` of a split from what its shards hold."""
    bones, lengths = anatomy.BoneLengths(H36M_17), []
    for path, _ in shards:
        for serialised in tfrecord.read_all(path):
            record = records.decode(
                serialised, H36M_17.num_joints, ("joints_mm", "weight_3d")
            )
            bones.add(record["joints_mm"], record["weight_3d"])
            lengths.append(len(serialised))
    rows = [records.shard_row(path, len(indices)) for path, indices in shards]
    info = records.DatasetInfo(
        "synthetic",
        H36M_17,
        sum(len(indices) for _, indices in shards),
        bones.mean(),
        tuple(rows),
    )
    records.write_info(folder, info, lengths)


def _first_records(folder, count):
    """The first records of a split."""
    split = Records([folder])
    return [split.record(number) for number in range(min(count, len(split)))]


def _write_sheet(path, folder):
    """Draws the first images of a split with their joints."""
    rows = _first_records(folder, _SHEET_IMAGES)
    sheet = visualization.contact_sheet(
        [images.decode_checked(row["image"]) for row in rows],
        [row["joints_px"] for row in rows],
        H36M_17,
    )
    Image.fromarray(sheet).save(path)


def _write_examples(folder, split):
    """Writes photos of a split as files, with what predict.py takes."""
    os.makedirs(folder, exist_ok=True)
    flags = []
    for row in _first_records(split, _EXAMPLES):
        name = os.path.basename(row["name"].decode())
        with open(os.path.join(folder, name), "wb") as file:
            file.write(row["image"])
        (fx, _, cx), (_, fy, cy), _ = row["intrinsics"].tolist()
        flags.append(
            {
                "image": name,
                "box": row["box"].tolist(),
                "intrinsics": [fx, fy, cx, cy],
            }
        )
    path = os.path.join(folder, "examples.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(flags, file, indent=1)
