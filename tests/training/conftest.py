import keras
import pytest

from keras_pose.config import Config
from keras_pose.data.conversion import convert

if keras.backend.backend() == "tensorflow":
    import tensorflow as tf

    # Before any test starts TensorFlow: two devices, so that two replicas
    # train.
    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0],
        [tf.config.LogicalDeviceConfiguration()] * 2,
    )


@pytest.fixture
def dataset(tmp_path, make_source, make_sample):
    """A prepared data set of 10 samples in 3 shards."""
    source = make_source([make_sample(seed) for seed in range(10)])
    convert(source, tmp_path / "data", samples_per_shard=4)
    return str(tmp_path / "data")


@pytest.fixture
def tiny_config(dataset, tiny_backbone):
    """A run of two epochs of three steps that takes seconds."""
    config = Config()
    config.data.train = (dataset,)
    config.model.backbone = tiny_backbone
    config.model.input_size = 64
    config.model.deconv_layers = 1
    config.model.deconv_filters = 8
    config.model.depth_bins = 4
    config.train.batch_size = 4
    config.train.epochs = 2
    config.train.steps_per_epoch = 3
    return config


@pytest.fixture
def one_device():
    if keras.backend.backend() == "jax":
        return None  # which has no strategies
    return tf.distribute.MirroredStrategy(["CPU:0"])


@pytest.fixture(scope="session")
def two_replicas():
    if keras.backend.backend() == "jax":
        pytest.skip("JAX trains on one device")
    # One for all tests: two would number their reductions alike, and TensorFlow
    # takes the second's for the first's.
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
