"""What the scripts share: flags, quiet libraries, one clear error."""

import contextlib
import importlib.util
import logging
import os
import signal
import sys
import time

from absl import app
from absl import flags
from absl import logging as absl_logging

from keras_pose.interruption import Terminated
from keras_pose.interruption import termination_raised

_BAR_INTERVAL = 0.1  # seconds
_LOG_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
_IS_LOUD = _LOG_LEVEL in os.environ  # as the user wants it


def run(main, required):
    """Runs a script's main function.

    What the user did wrong ends the script with one line and exit code 1;
    `--verbosity=1` adds the traceback. Ctrl-C and SIGTERM end it with exit
    codes 130 and 143, when what was half done is gone.

    Args:
        main: Takes nothing; raises ImportError, OSError, RuntimeError or
            ValueError for what the user can mend.
        required: Names of the flags that must be given.
    """
    absl_logging.get_absl_handler().setFormatter(
        logging.Formatter("%(message)s")
    )
    for name in ("absl", "tensorflow"):
        logging.getLogger(name).addFilter(_is_for_users)
    # It tells of each kind of device that a machine does not have.
    logging.getLogger("jax").setLevel(logging.WARNING)

    def checked(argv):
        if len(argv) > 1:
            _fail(argv, f"unknown arguments: {' '.join(argv[1:])}")
        missing = [
            f"--{name}" for name in required if flags.FLAGS[name].value is None
        ]
        if missing:
            _fail(argv, f"{', '.join(missing)} must be given; see --help")
        try:
            with termination_raised():
                main()
        except (ImportError, OSError, RuntimeError, ValueError) as error:
            logging.getLogger("absl").debug("", exc_info=True)
            _fail(argv, error)
        except KeyboardInterrupt:
            _end(argv, "interrupted", signal.SIGINT)
        except Terminated:
            _end(argv, "terminated", signal.SIGTERM)

    app.run(checked, flags_parser=_parse)


def choose_backend(*choices):
    """Settles which backend Keras has; call it before Keras is imported.

    TensorFlow is imported here, without the lines that it writes on import.
    They come from its C++ side before any setting of its own can stop them;
    some look like errors on a machine without a GPU. `TF_CPP_MIN_LOG_LEVEL`
    brings them back.

    Args:
        *choices: The names of backends that will do.

    Returns:
        The one that the variable KERAS_BACKEND names, else "tensorflow".

    Raises:
        ValueError: It is none of the choices.
        RuntimeError: It is TensorFlow, which is not installed.
    """
    # Set, so that Keras follows it and no keras.json of the user.
    backend = os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    if backend not in choices:
        raise ValueError(
            f"`KERAS_BACKEND` must be {' or '.join(map(repr, choices))}. "
            f"Received: {backend!r}"
        )
    if backend == "tensorflow":
        _import_tensorflow()
    return backend


def _import_tensorflow():
    if importlib.util.find_spec("tensorflow") is None:
        raise RuntimeError(
            "TensorFlow is not installed; with KERAS_BACKEND=jax training and "
            "scoring do without it"
        )
    os.environ.setdefault(_LOG_LEVEL, "3")
    with quiet():
        importlib.import_module("tensorflow")


@contextlib.contextmanager
def quiet():
    """Keeps what runtimes write on their own while they load from the user.

    They write it past Python, TFLite whatever its settings are. What is wrong
    they raise. `TF_CPP_MIN_LOG_LEVEL` brings the lines back.
    """
    if _IS_LOUD:
        yield
        return
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def say(text):
    """Tells the user what goes on, beside what a script prints as result."""
    print(text, file=sys.stderr, flush=True)


def progress_bar(total, unit):
    """A line in the terminal that says how far something is, and how fast.

    Args:
        total: Number at the end; None where nobody knows.
        unit: What is counted, in the singular.

    Returns:
        A function of the number done, and of whether that is the end, which
        by default it is at `total`; None where no terminal shows it.
    """
    if not sys.stdout.isatty():
        return None
    start = next_time = time.monotonic()
    before = None  # done by an earlier run

    def update(done, is_end=None):
        nonlocal before, next_time
        before = done - 1 if before is None else before
        is_end = done == total if is_end is None else is_end
        now = time.monotonic()
        if now < next_time and not is_end:
            return
        next_time = now + _BAR_INTERVAL
        seconds, of_this_run = now - start, max(done - before, 1)
        goal = f"/{total}" if total else ""
        line = f"\r{done}{goal} {unit}s, {seconds:.0f} s"
        if seconds > 0:
            line += f", {of_this_run / seconds:.1f} a second"
        if total and done <= total and not is_end:
            left = (total - done) * seconds / of_this_run
            line += f", {left:.0f} s left"
        sys.stdout.write(f"{line}\033[K" + "\n" * is_end)
        sys.stdout.flush()

    return update


def _parse(argv):
    try:
        return flags.FLAGS(argv, known_only=False)
    except flags.UnrecognizedFlagError as error:
        if error.flagname.startswith("config."):
            _fail(argv, "--config must be given before its fields")
        _fail(argv, f"{error}; see --help")
    except flags.Error as error:
        _fail(argv, error)
    # What a config file and ml_collections raise.
    except (
        AttributeError,
        KeyError,
        OSError,
        SyntaxError,
        TypeError,
        ValueError,
    ) as error:
        _fail(argv, error.args[0] if isinstance(error, KeyError) else error)


def _fail(argv, reason):
    one_line = " ".join(str(reason).split())
    sys.exit(f"{os.path.basename(argv[0])}: error: {one_line}")


def _end(argv, what, signal_number):
    say(f"{os.path.basename(argv[0])}: {what}")
    sys.exit(128 + signal_number)


def _is_for_users(record):
    """TensorFlow logs its own progress as if it were the program's."""
    package = os.sep + "tensorflow" + os.sep
    return record.levelno >= logging.WARNING or package not in record.pathname
