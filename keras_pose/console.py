"""What the scripts share: flags, quiet libraries, one clear error."""

import importlib
import logging
import os
import sys

from absl import app
from absl import flags
from absl import logging as absl_logging


def run(main, required):
    """Runs a script's main function.

    What the user did wrong ends the script with one line and exit code 1;
    `--verbosity=1` adds the traceback.

    Args:
        main: Takes nothing; raises OSError, RuntimeError or ValueError for
            what the user can mend.
        required: Names of the flags that must be given.
    """
    absl_logging.get_absl_handler().setFormatter(
        logging.Formatter("%(message)s")
    )
    for name in ("absl", "tensorflow"):
        logging.getLogger(name).addFilter(_is_for_users)

    def checked(argv):
        if len(argv) > 1:
            _fail(argv, f"unknown arguments: {' '.join(argv[1:])}")
        missing = [
            f"--{name}" for name in required if flags.FLAGS[name].value is None
        ]
        if missing:
            _fail(argv, f"{', '.join(missing)} must be given; see --help")
        try:
            main()
        except (OSError, RuntimeError, ValueError) as error:
            logging.getLogger("absl").debug("", exc_info=True)
            _fail(argv, error)
        except KeyboardInterrupt:
            _fail(argv, "interrupted")

    app.run(checked, flags_parser=_parse)


def import_tensorflow():
    """Imports TensorFlow without the lines that it writes on import.

    They come from its C++ side before any setting of its own can stop them;
    some look like errors on a machine without a GPU. `TF_CPP_MIN_LOG_LEVEL`
    brings them back.
    """
    if "TF_CPP_MIN_LOG_LEVEL" in os.environ:
        return
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
            importlib.import_module("tensorflow")
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def progress_bar(total, unit):
    """Keras's progress bar as a function of the number done.

    Returns:
        None where no terminal shows it.
    """
    if not sys.stdout.isatty():
        return None
    keras = importlib.import_module("keras")
    return keras.utils.Progbar(total, unit_name=unit).update


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


def _is_for_users(record):
    """TensorFlow logs its own progress as if it were the program's."""
    package = os.sep + "tensorflow" + os.sep
    return record.levelno >= logging.WARNING or package not in record.pathname
