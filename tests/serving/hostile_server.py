"""Answers requests by TensorFlow's C API, one after another, and measures.

python -m tests.serving.hostile_server SAVED_MODEL

Reads pickled {input: array} from standard input; writes for each a pickled
dict of "outputs", or of "refusal", what the graph said, and its "code"; and of
"seconds" and "peak_mb", the most memory that the process held meanwhile.
"""

import pickle
import sys
import time

from keras_pose import memory
from tests.serving import c_loader

SIGNATURE = "serve_bytes"


def main(folder):
    model = c_loader.SavedModel(c_loader.Library(), folder)
    signature = model.signatures[SIGNATURE]
    fetches = {name: info.name for name, info in signature.outputs.items()}
    while True:
        try:
            request = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        pickle.dump(
            answer(model, signature, fetches, request), sys.stdout.buffer
        )
        sys.stdout.buffer.flush()


def answer(model, signature, fetches, request):
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # begins the peak anew
    start = time.perf_counter()
    try:
        feeds = {
            signature.inputs[name].name: value
            for name, value in request.items()
        }
        values = model.run(feeds, list(fetches.values()))
        result = {"outputs": dict(zip(fetches, values, strict=True))}
    except c_loader.StatusError as error:
        result = {"refusal": str(error), "code": error.code}
    result["seconds"] = time.perf_counter() - start
    return result | {"peak_mb": memory.peak_mb()}


if __name__ == "__main__":
    main(*sys.argv[1:])
    assert "tensorflow" not in sys.modules
