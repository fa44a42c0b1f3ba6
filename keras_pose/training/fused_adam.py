"""How Adam runs in TensorFlow, in one operation for each variable."""

import functools

import keras
import tensorflow as tf


def fuse_adam(optimizer):
    """Makes the Adams among an optimizer's groups use TensorFlow's operation.

    It computes what Keras does in two dozen operations, which read and write
    all weights again and again; for the hundreds of variables of a ResNet50
    they are also three quarters of the graph that must be traced and optimized
    before the first step. Weight decay and moving averages stay Keras's.

    Args:
        optimizer: As of `make_optimizer`. Groups that are no Adam are left as
            they are.
    """
    for group in optimizer.groups:
        # AdamW is one too.
        if isinstance(group, keras.optimizers.Adam) and not group.amsgrad:
            group.update_step = functools.partial(_fused_step, group)


def _fused_step(adam, gradient, variable, learning_rate):
    """The `update_step` of keras.optimizers.Adam."""
    index = adam._get_variable_index(variable)
    step = tf.cast(adam.iterations.value + 1, variable.dtype)
    tf.raw_ops.ResourceApplyAdam(
        var=variable.handle,
        m=adam._momentums[index].value.handle,
        v=adam._velocities[index].value.handle,
        beta1_power=tf.pow(adam.beta_1, step),
        beta2_power=tf.pow(adam.beta_2, step),
        lr=tf.cast(learning_rate, variable.dtype),
        beta1=adam.beta_1,
        beta2=adam.beta_2,
        epsilon=adam.epsilon,
        grad=tf.cast(gradient, variable.dtype),
    )
