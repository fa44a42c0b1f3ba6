"""What the scripts share: flags, quiet libraries, one clear error."""

import logging
import os
import sys

from absl import app
from absl import flags


def run(main, required):
    """Runs a script's main function.

    What the user did wrong ends the script with one line and exit code 1;
    `--verbosity=1` adds the traceback.

    Args:
        main: Takes nothing; raises OSError, RuntimeError or ValueError for
            what the user can mend.
        required: Names of the flags that must be given.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    for name in ("absl", "tensorflow"):
        logging.getLogger(name).addFilter(_is_for_users)
    flags.mark_flags_as_required(required)

    def checked(argv):
        if len(argv) > 1:
            raise app.UsageError(f"unknown arguments: {' '.join(argv[1:])}")
        try:
            main()
        except (OSError, RuntimeError, ValueError) as error:
            logging.getLogger("absl").debug("", exc_info=True)
            _fail(argv, error)

    app.run(checked, flags_parser=_parse)


def _parse(argv):
    try:
        return app.parse_flags_with_usage(argv)
    except (KeyError, TypeError, ValueError) as error:  # ml_collections'
        _fail(argv, error.args[0])


def _fail(argv, reason):
    sys.exit(f"{os.path.basename(argv[0])}: error: {reason}")


def _is_for_users(record):
    """TensorFlow logs its own progress as if it were the program's."""
    package = os.sep + "tensorflow" + os.sep
    return record.levelno >= logging.WARNING or package not in record.pathname
