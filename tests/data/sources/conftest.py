import importlib

import pytest

from keras_pose.data.sources.reading import confined


@pytest.fixture
def unconfined(monkeypatch):
    """Has MATLAB files read in this process, which starts none for each."""

    def read(reader, path, **arguments):
        module, _, function = reader.partition(":")
        call = getattr(importlib.import_module(module), function)
        try:
            return call(path, **arguments)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error

    monkeypatch.setattr(confined, "read", read)
