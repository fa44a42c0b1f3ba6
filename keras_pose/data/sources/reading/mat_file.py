"""What MATLAB's files of the data sets hold, as plain arrays.

Files of version 5, by SciPy. It believes what a file says of its sizes, so
these functions are called through `confined` alone. Those of version 7.3 are
HDF5, which `hdf5` reads.
"""

import numpy as np
import scipy.io

# More rows than any of the data sets has; a small file may unpack to more.
MAX_ROWS = 10**6

_NUM_MPII_JOINTS = 16


def joints(path):
    """The joints of Leeds Sports Pose and its extension.

    Returns:
        {"joints": the array as it lies, of three axes}.
    """
    found = _numbers(_load(path, "joints"), "joints", 3)
    _check_rows("joints", found.shape[-1])
    return {"joints": found}


def mpi_inf_3dhp(path, poses):
    """Labels of a sequence of MPI-INF-3DHP.

    Args:
        path: An annot.mat, with cells of one (N, 84) array for each camera.
        poses: Names of the cells with 3D poses, between commas; "" to read
            but the 2D.

    Returns:
        {"annot2": (C, N, 28, 2) float32, and (C, N, 28, 3) float32 for each
        name of `poses`}.
    """
    arrays = {"annot2": _cells(path, "annot2", 2)}
    for pose in filter(None, poses.split(",")):
        arrays[pose] = _cells(path, pose, 3)
        if arrays[pose].shape[:2] != arrays["annot2"].shape[:2]:
            raise ValueError(
                f"`{pose}` must have the cameras and frames of `annot2`. "
                f"Received: {arrays[pose].shape}, {arrays['annot2'].shape}"
            )
    return arrays


def mpii(path):
    """The people of MPII.

    Returns:
        {"names": (I,) text; "train": (I,) bool; "actions": (I,) text;
        "image": (P,) index of each person's image; "centre": (P, 2);
        "scale": (P,); "head": (P, 4) x1, y1, x2, y2; "joints": (P, 16, 2)},
        all as they lie, 1-based px; NaN what a person lacks.
    """
    release = _load(path, "RELEASE")
    images = _elements(_field(release, "annolist"))
    if not images:
        raise ValueError("`RELEASE.annolist` must list images. Received: none")
    train = _numbers(_field(release, "img_train"), "img_train", 2).ravel()
    if len(train) != len(images):
        raise ValueError(
            "`RELEASE.img_train` must have a number for each image. "
            f"Received: {len(train)} of {len(images)}"
        )
    people = [
        (index, _person(person, f"annolist({index + 1}).annorect"))
        for index, image in enumerate(images)
        for person in _elements(_field(image, "annorect"))
    ]
    acts = _elements(_field(release, "act"))
    if acts and len(acts) != len(images):
        raise ValueError(
            "`RELEASE.act` must have an entry for each image. "
            f"Received: {len(acts)} of {len(images)}"
        )
    parts = zip(*(person for _, person in people), strict=True)
    centre, scale, head, points = (
        map(np.array, parts)
        if people
        else (
            np.zeros((0, 2)),
            np.zeros(0),
            np.zeros((0, 4)),
            np.zeros((0, _NUM_MPII_JOINTS, 2)),
        )
    )
    return {
        "names": np.array([_text(_field(i, "image"), "name") for i in images]),
        "train": train > 0,
        "actions": np.array([_text(act, "act_name") for act in acts])
        if acts
        else np.full(len(images), ""),
        "image": np.array([index for index, _ in people], np.int64),
        "centre": centre,
        "scale": scale,
        "head": head,
        "joints": points,
    }


def _person(person, where):
    """(centre, scale, head, joints) of an element of `annorect`."""
    position = _field(person, "objpos")
    centre = [_number(position, axis, where) for axis in "xy"]
    head = [_number(person, side, where) for side in ("x1", "y1", "x2", "y2")]
    points = np.full((_NUM_MPII_JOINTS, 2), np.nan)
    for point in _elements(_field(_field(person, "annopoints"), "point")):
        joint = _number(point, "id", where)
        if joint not in range(_NUM_MPII_JOINTS):
            raise ValueError(
                f"`{where}.annopoints.point.id` must be 0 to "
                f"{_NUM_MPII_JOINTS - 1}. Received: {joint}"
            )
        points[int(joint)] = [_number(point, axis, where) for axis in "xy"]
    return centre, _number(person, "scale", where), head, points


def _load(path, name):
    """A variable of a file."""
    try:
        found = scipy.io.loadmat(path, variable_names=[name])
    except MemoryError:
        raise
    except Exception as error:  # a damaged file raises nearly anything
        raise ValueError(f"not a readable MATLAB file: {error}") from error
    if name not in found:
        raise ValueError(f"must have a variable `{name}`")
    return found[name]


def _check_rows(name, count):
    if count > MAX_ROWS:
        raise ValueError(
            f"`{name}` must have at most {MAX_ROWS} rows. Received: {count}"
        )


def _cells(path, name, axes):
    """A cell array of (N, 28 axes) numbers as (C, N, 28, axes) float32."""
    cells = _load(path, name)
    if cells.dtype != object or cells.size == 0:
        raise ValueError(
            f"`{name}` must be a cell for each camera. "
            f"Received: {cells.dtype}, {cells.shape}"
        )
    arrays = [_numbers(cell, name, 2) for cell in cells.ravel()]
    shapes = sorted({array.shape for array in arrays})
    if len(shapes) > 1 or shapes[0][0] == 0 or shapes[0][1] != 28 * axes:
        raise ValueError(
            f"`{name}` must have N x {28 * axes} numbers in each cell. "
            f"Received: {shapes}"
        )
    _check_rows(name, sum(map(len, arrays)))
    joined = np.stack([array.astype(np.float32) for array in arrays])
    return joined.reshape(*joined.shape[:2], 28, axes)


def _numbers(value, name, axes):
    array = np.asarray(value)
    if array.dtype.kind not in "biuf" or array.ndim != axes:
        raise ValueError(
            f"`{name}` must be numbers along {axes} axes. "
            f"Received: {array.dtype}, {array.shape}"
        )
    return array


def _elements(value):
    """The elements of a struct array; none of what is empty or absent."""
    if isinstance(value, np.ndarray) and value.dtype.names:
        return list(value.ravel())
    return []


def _field(value, name):
    """A field of a struct, of which there is one; None where it is absent."""
    if isinstance(value, np.ndarray):
        value = value.ravel()[0] if value.size else None
    names = getattr(getattr(value, "dtype", None), "names", None) or ()
    return value[name] if name in names else None


def _number(value, name, where):
    """A number of a struct; NaN where it is absent or empty."""
    found = _field(value, name)
    if found is None or np.size(found) == 0:
        return np.nan
    found = np.asarray(found)
    if found.size != 1 or found.dtype.kind not in "biuf":
        raise ValueError(
            f"`{where}`: `{name}` must be a number. "
            f"Received: {found.dtype}, {found.shape}"
        )
    return float(found.ravel()[0])


def _text(value, name):
    """Text of a struct; "" where it is absent or empty."""
    found = np.asarray(_field(value, name))
    return (
        str(found.ravel()[0]) if found.dtype.kind == "U" and found.size else ""
    )
