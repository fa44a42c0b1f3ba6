import json
import logging

import numpy as np
import pytest

from keras_pose.data.conversion import convert
from keras_pose.training.loop import fit
from keras_pose.training.tensorflow_engine import TensorFlowEngine


@pytest.fixture
def damaged(dataset):
    """Places of two damaged records of the data set, as they are named."""
    lines, first = [], 0
    lengths = np.load(f"{dataset}/lengths.npy")
    with open(f"{dataset}/dataset.json") as file:
        shards = json.load(file)["shards"]
    for shard, record in zip(shards[:2], (1, 2), strict=True):
        path = f"{dataset}/{shard['file']}"
        offset = int(np.sum(lengths[first : first + record] + 16)) + 500
        with open(path, "r+b") as file:
            file.seek(offset)
            byte = file.read(1)[0]
            file.seek(offset)
            file.write(bytes([byte ^ 1]))
        lines.append(f"{path}: record {record}: its checksum")
        first += shard["count"]
    return lines


@pytest.fixture
def whole(tmp_path, make_source, make_sample):
    """A prepared data set of 10 samples, none of them damaged."""
    source = make_source([make_sample(seed) for seed in range(10)])
    convert(source, tmp_path / "whole")
    return str(tmp_path / "whole")


@pytest.fixture
def left_out(caplog, monkeypatch):
    """Gives the messages about records that were left out so far."""
    monkeypatch.setattr(logging.getLogger("absl"), "propagate", True)

    def texts():
        messages = (record.getMessage() for record in caplog.records)
        return [text for text in messages if text.startswith("left out")]

    return texts


def test_as_many_as_allowed_are_left_out_counted_and_named_once(
    tiny_config, damaged, tmp_path, one_device, left_out
):
    tiny_config.data.damaged_records = 2
    tiny_config.train.steps_per_epoch = 0  # twice through the data
    fit(tiny_config, tmp_path / "run", TensorFlowEngine(one_device))
    texts = left_out()
    assert len(texts) == 2
    assert "of at most 2" in texts[0]
    for line in damaged:
        assert any(line in text for text in texts)


def test_more_than_allowed_stop_the_run_with_their_list(
    tiny_config, damaged, tmp_path, one_device
):
    tiny_config.data.damaged_records = 1
    tiny_config.train.steps_per_epoch = 0
    with pytest.raises(ValueError, match="at most 1 records") as error:
        fit(tiny_config, tmp_path / "run", TensorFlowEngine(one_device))
    for line in damaged:
        assert line in str(error.value)


def test_damaged_validation_records_are_left_out_and_named(
    tiny_config, whole, dataset, damaged, tmp_path, one_device, left_out
):
    tiny_config.data.train = (whole,)
    tiny_config.data.validation = (dataset,)
    tiny_config.data.damaged_records = 2
    fit(tiny_config, tmp_path / "run", TensorFlowEngine(one_device))
    assert len(left_out()) == 2
    scores = json.loads((tmp_path / "run" / "scores.json").read_text())
    assert scores["frames"] == 8


def test_damaged_validation_records_stop_the_run_likewise(
    tiny_config, whole, dataset, damaged, tmp_path, one_device
):
    tiny_config.data.train = (whole,)
    tiny_config.data.validation = (dataset,)
    tiny_config.data.damaged_records = 1
    with pytest.raises(ValueError, match="at most 1 records") as error:
        fit(tiny_config, tmp_path / "run", TensorFlowEngine(one_device))
    assert all(line in str(error.value) for line in damaged)
