"""What the workers of a run must have in common."""

import hashlib
import json

import numpy as np


def check_agreement(engine, **facts):
    """Checks that this worker has what the first one has.

    Workers that differ would train on without an error, each to something else.

    Args:
        engine: The run's engine.
        **facts: What JSON can hold, by what it is called in an error.

    Raises:
        ValueError: Names the facts that differ, in every worker but the first.
    """
    own = np.stack([_digest(value) for value in facts.values()])
    is_first = engine.worker == 0
    first = engine.total(own if is_first else np.zeros_like(own))
    different = [
        name.replace("_", " ")
        for name, *rows in zip(facts, own, first, strict=True)
        if not np.array_equal(*rows)
    ]
    if different:
        raise ValueError(
            "all workers of a run must have the same config, data and folder. "
            f"Received: another {', another '.join(different)} in worker "
            f"{engine.worker + 1} than in the first"
        )


def _digest(value):
    """Bytes as numbers, whose sum with zeros is exact."""
    text = json.dumps(value, sort_keys=True).encode()
    digest = hashlib.sha256(text).digest()
    return np.frombuffer(digest, np.uint8).astype(np.float32)
