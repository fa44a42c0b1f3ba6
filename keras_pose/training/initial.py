"""Weights to start from: what an earlier network shares with a new one."""

import dataclasses

import keras

from keras_pose import models
from keras_pose.serving import artefacts


@dataclasses.dataclass(frozen=True)
class Taken:
    """What `load_initial` took over, by the layers of the new network.

    Layers of the backbone are "backbone/<layer>".

    Attributes:
        whole: Layers that have the earlier network's weights.
        in_part: {layer: joints} of output layers that have them for these
            joints alone; the others keep their initial ones.
        left: {layer: reason} of layers that keep their initial weights.
        pixel_scaling: The mode of `PixelScaling` that came with the backbone,
            None where it is what it was.
    """

    whole: tuple[str, ...]
    in_part: dict[str, tuple[str, ...]]
    left: dict[str, str]
    pixel_scaling: str | None

    def __str__(self):
        rows = [
            f"{len(self.whole)} layers taken over, {len(self.in_part)} in "
            f"part, {len(self.left)} not"
        ]
        if self.pixel_scaling:
            rows.append(f"pixels are scaled as there: {self.pixel_scaling}")
        for name, joints in self.in_part.items():
            rows.append(f"{name}: only {', '.join(joints)}")
        for reason in dict.fromkeys(self.left.values()):
            names = [name for name in self.left if self.left[name] == reason]
            rows.append(f"{reason}: {', '.join(names)}")
        return "\n".join(rows)


def load_initial(model, spec, path):
    """Gives a network all weights of an earlier one that fit it.

    A layer fits by its name and the shapes of its weights; the heatmap layer
    and the regression head fit joint by joint, by the joints' names. With a
    layer of the backbone comes the scaling of the pixels it was trained on.

    Args:
        model: The network, as of `models.pose_net`; it is changed.
        spec: Its PoseSpec.
        path: A `.keras` file, or the folder of a training run.

    Returns:
        A Taken.

    Raises:
        ValueError: There is no such network, or nothing of it fits.
    """
    earlier, earlier_spec = _load(path)
    theirs = dict(_layers_by_name(earlier))
    whole, in_part, left = [], {}, {}
    for name, layer in _layers_by_name(model):
        if name not in theirs:
            left[name] = "absent there"
        elif name in models.JOINT_LAYERS:
            joints = _take_joints(layer, spec, theirs[name], earlier_spec)
            if joints is None:
                left[name] = _difference(layer, theirs[name])
            elif joints == spec.skeleton.joints:
                whole.append(name)
            elif joints:
                in_part[name] = joints
            else:
                left[name] = "of other joints there"
        elif _shapes(layer) == _shapes(theirs[name]):
            layer.set_weights(theirs[name].get_weights())
            whole.append(name)
        else:
            left[name] = _difference(layer, theirs[name])
    if not whole and not in_part:
        raise ValueError(
            "`model.initial` must be a network that shares layers with this "
            f"one. Received: {path!r}, without any of {', '.join(left)}"
        )
    scaling = None
    if any(name.startswith(f"{models.BACKBONE}/") for name in whole):
        scaling = _take_scaling(model, earlier)
    return Taken(tuple(whole), in_part, left, scaling)


def _load(path):
    try:
        return artefacts.load_keras_model(artefacts.network_file(path))
    except ValueError as error:
        raise ValueError(
            "`model.initial` must be a .keras file, or the folder of a "
            f"training run. Received: {path!r} ({error})"
        ) from error


def _layers_by_name(model, prefix=""):
    """Pairs of a name and a layer, of those that have weights themselves."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _layers_by_name(layer, f"{prefix}{layer.name}/")
        elif layer.weights:
            yield f"{prefix}{layer.name}", layer


def _shapes(layer):
    return [tuple(weight.shape) for weight in layer.weights]


def _difference(layer, earlier):
    there, here = (
        " ".join(str(shape).replace(" ", "") for shape in _shapes(part))
        for part in (earlier, layer)
    )
    return f"{there} there, {here} here"


def _take_joints(layer, spec, earlier, earlier_spec):
    """Takes over an output layer for the joints that both networks have.

    Returns:
        Their names in the order of `spec`, None if the layers do not fit.
    """
    # (..., J * D) -> (..., J, D)
    ours = _by_joint(layer, spec.skeleton.num_joints)
    theirs = _by_joint(earlier, earlier_spec.skeleton.num_joints)
    for our, their in zip(ours, theirs, strict=True):
        if (
            our.shape[:-2] != their.shape[:-2]
            or our.shape[-1] != their.shape[-1]
        ):
            return None
    known = []
    sources = spec.skeleton.indices_in(earlier_spec.skeleton)
    for joint, source in enumerate(sources):
        if source >= 0:
            known.append(spec.skeleton.joints[joint])
            for our, their in zip(ours, theirs, strict=True):
                our[..., joint, :] = their[..., source, :]
    layer.set_weights(
        [
            our.reshape(shape)
            for our, shape in zip(ours, _shapes(layer), strict=True)
        ]
    )
    return tuple(known)


def _by_joint(layer, num_joints):
    return [
        weight.reshape(*weight.shape[:-1], num_joints, -1)
        for weight in layer.get_weights()
    ]


def _take_scaling(model, earlier):
    """Scales pixels as the earlier network; its mode if it is another."""
    ours, theirs = map(models.pixel_scaling_of, (model, earlier))
    if ours.mode == theirs.mode:
        return None
    ours.mode = theirs.mode
    return theirs.mode
