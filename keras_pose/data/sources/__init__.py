"""Data sets as they lie on disk: a module for each format.

`SOURCES` maps the name that `prepare.py --source=` takes to a function
`(root folder, **options) -> Source`; its keyword arguments are the options
that the format has, None where they are not given.

A Sample's box is tight on the person, from every source: around the joints, or
around all that is seen of them where a format has that, or a square as long as
the longer side about the same middle. Padding that a format adds is undone;
images that are crops already have a box that is the whole image.
"""

import inspect

from keras_pose.data.sources import coco
from keras_pose.data.sources import folder
from keras_pose.data.sources import lsp
from keras_pose.data.sources import mmpose
from keras_pose.data.sources import mpii
from keras_pose.data.sources import muco
from keras_pose.data.sources import tfrecords
from keras_pose.data.sources.h36m import c2f
from keras_pose.data.sources.h36m import posenet
from keras_pose.data.sources.h36m import raw
from keras_pose.data.sources.h36m import videopose3d
from keras_pose.data.sources.mpi_inf_3dhp import archive
from keras_pose.data.sources.source import Source

__all__ = ["SOURCES", "Source", "open_source"]

SOURCES = {
    "h36m_c2f": c2f.human36m,
    "h36m_mmpose": mmpose.human36m,
    "h36m_posenet": posenet.posenet,
    "h36m_raw": raw.raw,
    "h36m_videopose3d": videopose3d.videopose3d,
    "mpi_inf_3dhp": archive.people,
    "mpi_inf_3dhp_mmpose": mmpose.mpi_inf_3dhp,
    "muco": muco.muco,
    "mupots": muco.mupots,
    "coco": coco.people,
    "mpii": mpii.people,
    "lsp": lsp.original,
    "lspet": lsp.extended,
    "tfrecord": tfrecords.people,
    "folder": folder.people,
}


def options_of(name):
    """Names of the options that a source takes."""
    _, *options = inspect.signature(SOURCES[name]).parameters
    return tuple(options)


def open_source(name, root, options):
    """Opens a data set.

    Args:
        name: One of `SOURCES`.
        root: Folder of the data set.
        options: {name: value} of those that were given.

    Returns:
        The Source.

    Raises:
        ValueError: The format has no such option, or the files are not of it.
    """
    known = options_of(name)
    for option in options:
        if option not in known:
            raise ValueError(
                f"`{option}` must not be given with {name}, which takes "
                f"{', '.join(known) or 'no options'}. "
                f"Received: {options[option]}"
            )
    return SOURCES[name](root, **options)
