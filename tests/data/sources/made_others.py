"""Small data sets of every layout but Human3.6M's, written as published.

Each `make_*` writes one into a folder and gives the options to open it with.
"""

from tests.data.sources import made_crowds
from tests.data.sources import made_mpi_inf_3dhp
from tests.data.sources import made_own
from tests.data.sources import made_photos

# As the sources are called; a form that shares a source has a suffix, which
# SOURCE_OF takes off.
MADE = {
    "coco": made_photos.make_coco,
    "mpii": made_photos.make_mpii,
    "mpii_mat": made_photos.make_mpii_mat,
    "lsp": made_photos.make_lsp,
    "lspet": made_photos.make_lspet,
    "mpi_inf_3dhp": made_mpi_inf_3dhp.make_mpi_inf_3dhp,
    "mpi_inf_3dhp_test": made_mpi_inf_3dhp.make_mpi_inf_3dhp_test,
    "mpi_inf_3dhp_mmpose": made_mpi_inf_3dhp.make_mpi_inf_3dhp_mmpose,
    "muco": made_crowds.make_muco,
    "mupots": made_crowds.make_mupots,
    "tfrecord": made_own.make_tfrecord,
    "folder": made_own.make_folder,
    "folder_json": made_own.make_folder_json,
}
SOURCE_OF = {
    "mpii_mat": "mpii",
    "mpi_inf_3dhp_test": "mpi_inf_3dhp",
    "folder_json": "folder",
}
