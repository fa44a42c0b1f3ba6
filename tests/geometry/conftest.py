import numpy as np
import pytest
import tensorflow as tf


@pytest.fixture
def assert_same_for_batch_and_tensor():
    """Checks a function's batch and graph results against a plain loop."""

    def check(function, *batch):
        expected = np.stack(
            [function(*row) for row in zip(*batch, strict=True)]
        )
        tensor = tf.function(function)(*map(tf.constant, batch))
        assert isinstance(tensor, tf.Tensor)
        np.testing.assert_allclose(function(*batch), expected, rtol=1e-6)
        np.testing.assert_allclose(tensor, expected, rtol=1e-4, atol=1e-4)

    return check
