"""Which layers learn, epoch by epoch."""

import fnmatch

from keras_pose import models

_NAMES_SHOWN = 8


def patterns_of(train, epoch):
    """The patterns of the layers that are frozen in an epoch.

    Args:
        train: A TrainConfig.
        epoch: Number of the epoch, counted from 0.
    """
    whole_run = train.frozen_epochs == 0
    return train.frozen if whole_run or epoch < train.frozen_epochs else ()


def matching_layers(model, patterns):
    """The layers with weights whose names fit a pattern.

    Args:
        model: The network.
        patterns: As of `fnmatch`, of layers and of those in its backbone.

    Raises:
        ValueError: A pattern fits no layer.
    """
    layers = [layer for layer in models.layers_of(model) if layer.weights]
    found = []
    for pattern in patterns:
        fits = [
            layer
            for layer in layers
            if fnmatch.fnmatchcase(layer.name, pattern)
        ]
        if not fits:
            names = [layer.name for layer in layers]
            more = ", ..." if len(names) > _NAMES_SHOWN else ""
            raise ValueError(
                "`train.frozen` must name layers with weights, such as "
                f"{', '.join(names[:_NAMES_SHOWN])}{more}. "
                f"Received: {pattern!r}"
            )
        found += fits
    return found


def freeze(model, patterns, batch_norm=False):
    """Freezes the layers that patterns name; all others learn.

    A frozen batch norm uses its moving statistics and leaves them as they are.
    What is left to train is then `model.trainable_variables`.

    Args:
        model: The network.
        patterns: As of `matching_layers`; none of them: all layers learn.
        batch_norm: Whether all batch norm is frozen besides.

    Raises:
        ValueError: A pattern fits no layer, or no layer is left to train.
    """
    frozen = matching_layers(model, patterns)
    if batch_norm:
        frozen += models.batch_norms_of(model)
    # Each by itself: Keras hands nothing down to the layers of a nested model
    # whose own setting stays the same.
    for layer in models.layers_of(model):
        layer.trainable = True
    for layer in frozen:
        layer.trainable = False
    if not model.trainable_variables:
        raise ValueError(
            "`train.frozen` must leave a layer to train. "
            f"Received: {tuple(patterns)}"
        )
