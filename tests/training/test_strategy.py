import pytest

from keras_pose.training.strategy import make_strategy


def test_strategy_without_a_gpu_has_one_replica():
    assert make_strategy().num_replicas_in_sync == 1


def test_negative_number_of_devices_is_refused():
    with pytest.raises(ValueError, match="num_virtual_devices.*-1"):
        make_strategy(-1)
