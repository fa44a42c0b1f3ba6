"""Imports point down: what each part of the project may import.

A part is a module, or a folder with all that is below it; the longest name
that fits rules. Nothing but the standard library goes without saying.
"""

import ast
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]

# part: what it may import whenever it is imported itself
MAY_IMPORT = {
    "keras_pose": "",
    "keras_pose.config": "",
    "keras_pose.skeleton": "",
    "keras_pose.durable": "",
    "keras_pose.memory": "",
    "keras_pose.interruption": "",
    "keras_pose.console": "absl keras_pose.interruption",
    # These run before anything is installed.
    "keras_pose.environment": "",
    "quickstart": "keras_pose.environment",
    "run_tests": "keras_pose.environment",
    "keras_pose.geometry": "numpy keras_pose.geometry",
    "keras_pose.images": "numpy cv2 PIL keras_pose.geometry.crop",
    "keras_pose.pose_spec": "keras_pose.geometry.volume keras_pose.skeleton",
    "keras_pose.layers": "keras keras_pose.geometry.volume",
    "keras_pose.losses": "keras",
    "keras_pose.heatmap_loss": """keras keras_pose.geometry.volume
        keras_pose.layers""",
    "keras_pose.backbones": "keras",
    "keras_pose.models": "keras keras_pose.layers keras_pose.backbones",
    # Without TensorFlow, so that a machine with JAX alone trains, and so that
    # preparing and scoring begin at once.
    "keras_pose.data": "",
    "keras_pose.message_schema": "google.protobuf",
    "keras_pose.data.example_proto": "keras_pose.message_schema",
    "keras_pose.data.records": """numpy google.protobuf keras_pose.skeleton
        keras_pose.data.example_proto keras_pose.data.tfrecord""",
    "keras_pose.data.store": """numpy keras_pose.images keras_pose.data.records
        keras_pose.data.tfrecord""",
    "keras_pose.data.order": "numpy",
    "keras_pose.data.anatomy": "numpy",
    "keras_pose.data.ahead": "",
    "keras_pose.data.proof": """numpy keras_pose.geometry.camera
        keras_pose.images keras_pose.data.anatomy keras_pose.data.records""",
    "keras_pose.data.cropping": """numpy cv2 keras_pose.images
        keras_pose.geometry.crop keras_pose.data.ahead
        keras_pose.data.records""",
    "keras_pose.data.survey": """numpy keras_pose.images keras_pose.data.ahead
        keras_pose.data.anatomy keras_pose.data.proof
        keras_pose.data.records""",
    "keras_pose.data.survey_report": "numpy keras_pose.data.survey",
    "keras_pose.data.survey_sheet": """numpy cv2 keras_pose.images
        keras_pose.visualization keras_pose.geometry.camera
        keras_pose.geometry.crop""",
    "keras_pose.data.checking": """PIL keras_pose.durable
        keras_pose.data.store keras_pose.data.survey
        keras_pose.data.survey_report keras_pose.data.survey_sheet""",
    "keras_pose.data.conversion": """keras_pose.durable keras_pose.data.ahead
        keras_pose.data.anatomy keras_pose.data.proof keras_pose.data.records
        keras_pose.data.tfrecord""",
    "keras_pose.data.examples": """numpy keras_pose.geometry.crop
        keras_pose.geometry.volume keras_pose.data.augmentation
        keras_pose.data.augmentation_host""",
    "keras_pose.data.threads": """keras_pose.data.ahead
        keras_pose.data.augmentation keras_pose.data.examples""",
    "keras_pose.data.pipeline": """numpy tensorflow
        keras_pose.data.ahead keras_pose.data.augmentation
        keras_pose.data.examples""",
    "keras_pose.data.augmentation_graph": """numpy tensorflow keras_pose.images
        keras_pose.geometry.crop keras_pose.data.jpeg_graph""",
    "keras_pose.data.sample": "numpy",
    "keras_pose.data.augmentation": "numpy keras_pose.geometry.crop",
    "keras_pose.data.augmentation_host": "numpy cv2 keras_pose.images",
    "keras_pose.data.imgaug_backend": "numpy imgaug keras_pose.images",
    "keras_pose.data.tfrecord": "google_crc32c",
    "keras_pose.data.jpeg_graph": "numpy tensorflow",
    "keras_pose.data.objects": "numpy cv2",
    "keras_pose.data.sources": """numpy keras_pose.skeleton
        keras_pose.data.sample keras_pose.data.sources""",
    "keras_pose.data.sources.reading.files": "numpy",
    "keras_pose.data.sources.reading.hdf5": """numpy h5py
        keras_pose.data.sources.reading.files""",
    "keras_pose.data.sources.reading.confined": """numpy
        keras_pose.data.sources.reading.files""",
    "keras_pose.data.sources.reading.json_stream": """ijson
        keras_pose.data.sources.reading.files""",
    "keras_pose.data.sources.conventions": """numpy
        keras_pose.geometry.camera""",
    # In a process of their own.
    "keras_pose.data.sources.h36m.raw_cdf": """numpy cdflib
        keras_pose.data.sources.reading.files""",
    "keras_pose.data.sources.h36m.c2f_mat": "numpy scipy",
    "keras_pose.data.sources.h36m.leg_order": """numpy keras_pose.skeleton
        keras_pose.data.anatomy""",
    # These open images, videos or cameras.
    "keras_pose.data.sources.mmpose": """numpy keras_pose.geometry.camera
        keras_pose.skeleton keras_pose.data.sample keras_pose.data.sources""",
    "keras_pose.data.sources.h36m.pose_samples": """numpy
        keras_pose.geometry.camera keras_pose.data.sample
        keras_pose.data.sources""",
    "keras_pose.data.sources.h36m.takes": """numpy
        keras_pose.images
        keras_pose.geometry.camera keras_pose.skeleton
        keras_pose.data.sources""",
    "keras_pose.data.sources.h36m.posenet": """numpy
        keras_pose.images
        keras_pose.geometry.camera keras_pose.skeleton
        keras_pose.data.sources""",
    "keras_pose.data.sources.h36m.posenet_files": """numpy
        keras_pose.skeleton keras_pose.data.sources""",
    "keras_pose.data.sources.h36m.c2f_frames": """numpy
        keras_pose.images
        keras_pose.skeleton keras_pose.data.sources""",
    "keras_pose.data.sources.h36m.c2f": """numpy
        keras_pose.images
        keras_pose.skeleton keras_pose.data.sample keras_pose.data.sources""",
    "keras_pose.data.sources.reading.mat_file": "numpy scipy",
    "keras_pose.data.sources.reading.video": """cv2
        keras_pose.data.sources.reading.video_file""",
    "keras_pose.data.sources.reading.video_file": """cv2 keras_pose.images
        keras_pose.data.sources.reading.files""",
    "keras_pose.data.sources.mpi_inf_3dhp.clip": """numpy
        keras_pose.images keras_pose.data.sample
        keras_pose.data.sources""",
    "keras_pose.data.sources.mpi_inf_3dhp.train_clips": """numpy
        keras_pose.images
        keras_pose.skeleton keras_pose.data.sources""",
    "keras_pose.data.sources.mpi_inf_3dhp.test_clips": """numpy
        keras_pose.images
        keras_pose.skeleton keras_pose.data.sources""",
    "keras_pose.data.sources.folder": """numpy
        keras_pose.images
        keras_pose.skeleton keras_pose.data.sources""",
    "keras_pose.data.sources.tfrecords": """numpy google.protobuf
        keras_pose.images keras_pose.skeleton keras_pose.data.example_proto
        keras_pose.data.records keras_pose.data.sample
        keras_pose.data.sources keras_pose.data.tfrecord""",
    # It alone joins the renderer to the records.
    "keras_pose.data.synthetic": """PIL keras_pose.images
        keras_pose.visualization keras_pose.skeleton keras_pose.data.anatomy
        keras_pose.data.conversion keras_pose.data.proof
        keras_pose.data.records keras_pose.data.store keras_pose.data.tfrecord
        keras_pose.synthesis.scene keras_pose.synthesis.workers""",
    # Without TensorFlow, whose import would cost every worker seconds.
    "keras_pose.synthesis": "",
    "keras_pose.synthesis.draws": "numpy",
    "keras_pose.synthesis.rotations": "numpy",
    "keras_pose.synthesis.makehuman": "numpy",
    "keras_pose.synthesis.render": "numpy cv2 embreex",
    "keras_pose.synthesis.body": "numpy keras_pose.skeleton",
    "keras_pose.synthesis.collision": "numpy keras_pose.synthesis.body",
    "keras_pose.synthesis.poses": """numpy keras_pose.synthesis.body
        keras_pose.synthesis.collision keras_pose.synthesis.draws
        keras_pose.synthesis.rotations""",
    "keras_pose.synthesis.motion": """numpy keras_pose.synthesis.body
        keras_pose.synthesis.rotations""",
    "keras_pose.synthesis.looks": """numpy cv2 keras_pose.synthesis.body
        keras_pose.synthesis.draws keras_pose.synthesis.render""",
    "keras_pose.synthesis.motion_files": "numpy keras_pose.synthesis.motion",
    "keras_pose.synthesis.garments": """numpy cv2 PIL keras_pose.images
        keras_pose.synthesis.body keras_pose.synthesis.makehuman
        keras_pose.synthesis.render""",
    "keras_pose.synthesis.assets": """numpy keras_pose.synthesis.body
        keras_pose.synthesis.draws keras_pose.synthesis.garments
        keras_pose.synthesis.render""",
    "keras_pose.synthesis.props": """numpy keras_pose.synthesis.body
        keras_pose.synthesis.draws keras_pose.synthesis.looks
        keras_pose.synthesis.render keras_pose.synthesis.rotations""",
    "keras_pose.synthesis.viewpoint": """numpy keras_pose.geometry.camera
        keras_pose.geometry.crop keras_pose.synthesis.draws
        keras_pose.synthesis.render keras_pose.synthesis.rotations""",
    "keras_pose.synthesis.backdrop": """numpy cv2 keras_pose.images
        keras_pose.synthesis.draws keras_pose.synthesis.render
        keras_pose.synthesis.rotations""",
    "keras_pose.synthesis.sensor": """numpy cv2 keras_pose.synthesis.draws
        keras_pose.synthesis.render""",
    "keras_pose.synthesis.scene": """numpy keras_pose.data.sample
        keras_pose.synthesis""",
    "keras_pose.synthesis.workers": "cv2 keras_pose.synthesis.scene",
    "keras_pose.evaluation": """numpy keras_pose.geometry keras_pose.data
        keras_pose.skeleton keras_pose.evaluation""",
    "keras_pose.evaluation.prediction_json": "numpy ijson",
    "keras_pose.evaluation.prediction_files": """numpy keras_pose.durable
        keras_pose.data.sources.reading.files
        keras_pose.evaluation""",
    "keras_pose.evaluation.metrics": "numpy keras_pose.geometry",
    "keras_pose.evaluation.inference": """numpy keras_pose.location
        keras_pose.geometry keras_pose.data keras_pose.evaluation""",
    "keras_pose.location": "numpy keras_pose.geometry",
    "keras_pose.serving": "keras_pose.serving",
    "keras_pose.serving.saved_model": """tensorflow keras_pose.geometry
        keras_pose.serving""",
    "keras_pose.serving.graph": """numpy tensorflow keras_pose.geometry
        keras_pose.images keras_pose.location keras_pose.serving.graph""",
    "keras_pose.serving.inference_network": """numpy keras keras_pose.layers
        keras_pose.models""",
    "keras_pose.serving.tflite": """tensorflow ai_edge_litert
        keras_pose.durable keras_pose.serving""",
    "keras_pose.serving.tflite_half": "numpy flatbuffers ai_edge_litert",
    "keras_pose.serving.tflite_metadata": """numpy flatbuffers ai_edge_litert
        keras_pose.pose_spec keras_pose.serving.tflite_half""",
    "keras_pose.serving.parity": """numpy keras_pose.data
        keras_pose.evaluation.metrics keras_pose.geometry.volume
        keras_pose.skeleton""",
    "keras_pose.serving.proof": """numpy keras_pose.location
        keras_pose.prediction keras_pose.serving""",
    # Loaded where no TensorFlow is.
    "keras_pose.serving.artefacts": """numpy keras_pose.durable
        keras_pose.pose_spec keras_pose.serving.checksums
        keras_pose.serving.keras_file keras_pose.serving.members
        keras_pose.serving.runtimes""",
    "keras_pose.serving.checksums": "",
    "keras_pose.serving.members": "",
    "keras_pose.serving.keras_file": """keras_pose.pose_spec
        keras_pose.serving.members""",
    "keras_pose.serving.saved_model_file": "",
    "keras_pose.serving.runtimes": "numpy",
    "keras_pose.serving.measure": """numpy keras_pose.memory
        keras_pose.serving.artefacts""",
    "keras_pose.serving.onnx_model": """google.protobuf keras_pose.durable
        keras_pose.pose_spec keras_pose.serving.checksums
        keras_pose.serving.runtimes""",
    "keras_pose.serving.openvino_model": """numpy keras_pose.serving.artefacts
        keras_pose.serving.checksums keras_pose.serving.runtimes""",
    # Clients run where no TensorFlow is.
    "keras_pose.serving.client": "numpy keras_pose.serving.client",
    "keras_pose.serving.client.grpc_client": """grpc
        keras_pose.serving.client""",
    "keras_pose.serving.client.serving_proto": """numpy
        keras_pose.message_schema""",
    "keras_pose.serving.model_card": """keras_pose.__version__
        keras_pose.geometry.volume keras_pose.serving.artefacts""",
    "keras_pose.serving.warmup": """numpy cv2 keras_pose.data.tfrecord
        keras_pose.serving.client""",
    "keras_pose.serving.tf_serving": """keras_pose.serving.model_card
        keras_pose.serving.warmup""",
    "keras_pose.pose": "numpy keras_pose.skeleton",
    "keras_pose.recording": "numpy keras_pose.skeleton",
    "keras_pose.shots": """numpy keras_pose.geometry keras_pose.images
        keras_pose.location keras_pose.pose""",
    "keras_pose.prediction": """numpy keras_pose.geometry
        keras_pose.location keras_pose.media.photos keras_pose.people
        keras_pose.pose keras_pose.serving.artefacts keras_pose.shots""",
    "keras_pose.people": "",
    "keras_pose.outputs": "",
    "keras_pose.outputs.tracks": "numpy",
    "keras_pose.outputs.rig": "numpy",
    "keras_pose.outputs.bvh": """numpy keras_pose.durable
        keras_pose.outputs.rig keras_pose.outputs.tracks""",
    "keras_pose.outputs.trc": """numpy keras_pose.durable
        keras_pose.outputs.tracks""",
    "keras_pose.outputs.film": """numpy cv2 keras_pose.console
        keras_pose.durable""",
    "keras_pose.outputs.picture": """numpy cv2 PIL keras_pose.durable
        keras_pose.visualization""",
    "keras_pose.outputs.still": """numpy cv2 keras_pose.durable
        keras_pose.outputs.picture keras_pose.visualization""",
    "keras_pose.people.boxes": "numpy",
    "keras_pose.people.timing": "",
    "keras_pose.people.doubts": "numpy keras_pose.people.boxes",
    "keras_pose.people.track": """numpy keras_pose.data.sources.labels
        keras_pose.people keras_pose.pose""",
    "keras_pose.people.roster": "numpy keras_pose.people",
    "keras_pose.people.numbering": "keras_pose.people keras_pose.pose",
    "keras_pose.people.matching": "numpy scipy keras_pose.people",
    "keras_pose.people.doubles": "numpy keras_pose.people",
    "keras_pose.people.smoothing": "numpy keras_pose.geometry.camera",
    "keras_pose.people.following": """numpy keras_pose.data.sources.labels
        keras_pose.people keras_pose.pose""",
    "keras_pose.people.box_table": "numpy",
    "keras_pose.people.boxes_file": """numpy keras_pose.data.sources.labels
        keras_pose.data.sources.reading keras_pose.people.box_table""",
    "keras_pose.people.hog": "cv2 numpy keras_pose.people.boxes",
    "keras_pose.people.network_files": """numpy
        keras_pose.data.sources.reading.files keras_pose.people
        keras_pose.serving.runtimes""",
    "keras_pose.people.candidates": "numpy",
    "keras_pose.people.box_layouts": "numpy keras_pose.people.candidates",
    "keras_pose.people.yolo_layouts": "numpy keras_pose.people.candidates",
    "keras_pose.people.output_layouts": "numpy keras_pose.people",
    "keras_pose.people.network_detector": """cv2 numpy
        keras_pose.people""",
    "keras_pose.outputs.angles": "numpy keras_pose.outputs.table",
    "keras_pose.outputs.pose_csv": "numpy keras_pose.outputs.table",
    "keras_pose.outputs.pose_json": """numpy keras_pose.durable keras_pose.pose
        keras_pose.recording keras_pose.skeleton""",
    "keras_pose.outputs.pose_npz": """numpy keras_pose.durable
        keras_pose.outputs.pose_json keras_pose.pose
        keras_pose.recording
        keras_pose.skeleton""",
    "keras_pose.outputs.table": "keras_pose.durable",
    "keras_pose.outputs.results": """numpy keras_pose.durable
        keras_pose.outputs keras_pose.recording""",
    "keras_pose.watching": """keras_pose.geometry.camera
        keras_pose.interruption keras_pose.pose""",
    "keras_pose.streaming": """numpy keras_pose.data.ahead
        keras_pose.data.sources.labels keras_pose.data.sources.reading.files
        keras_pose.people keras_pose.pose keras_pose.shots""",
    "keras_pose.visualization": "numpy cv2",
    "keras_pose.media": "",
    "keras_pose.media.frame": "numpy",
    "keras_pose.media.ahead": "keras_pose.media.frame",
    "keras_pose.media.exif": "numpy PIL keras_pose.images",
    "keras_pose.media.timeline": "cv2",
    "keras_pose.media.photos": """keras_pose.images keras_pose.media
        keras_pose.data.sources.reading.files""",
    "keras_pose.media.video": """cv2 keras_pose.media
        keras_pose.data.sources.reading.video_file""",
    "keras_pose.media.camera": """cv2 keras_pose.media.frame
        keras_pose.data.sources.reading.video_file""",
    "keras_pose.media.inputs": "keras_pose.data.sources.reading.video_file",
    "keras_pose.media.reader": "keras_pose.media",
    "keras_pose.outputs.page": """keras_pose.durable
        keras_pose.outputs.page_data""",
    "keras_pose.outputs.page_data": """numpy keras_pose.geometry.camera
        keras_pose.outputs.angles keras_pose.visualization""",
    "keras_pose.outputs.page_pictures": "numpy cv2",
    # What a person watches runs on any backend, without TensorFlow.
    "keras_pose.tracking": "",
    "keras_pose.tracking.pace": "",
    "keras_pose.tracking.progress": "keras_pose.tracking.pace",
    "keras_pose.tracking.manifest": """keras_pose.__version__
        keras_pose.data.records keras_pose.durable""",
    "keras_pose.tracking.comparison": """numpy cv2 PIL
        keras_pose.evaluation.metrics keras_pose.visualization""",
    "keras_pose.tracking.evaluation_charts": """numpy
        keras_pose.evaluation.metrics keras_pose.tracking.report_charts""",
    "keras_pose.tracking.worst_samples": """numpy cv2 keras_pose.images
        keras_pose.geometry keras_pose.tracking.comparison""",
    "keras_pose.tracking.evaluation_page": """numpy keras_pose.durable
        keras_pose.evaluation keras_pose.tracking""",
    "keras_pose.tracking.report": """keras_pose.durable
        keras_pose.tracking.journal_files keras_pose.tracking.manifest
        keras_pose.tracking.report_charts keras_pose.tracking.report_page
        keras_pose.tracking.report_tables""",
    "keras_pose.tracking.report_charts": "numpy",
    "keras_pose.tracking.report_page": "",
    "keras_pose.tracking.report_tables": """keras_pose.config
        keras_pose.tracking.report_page""",
    "keras_pose.tracking.journal_files": """absl tensorboard
        keras_pose.data.tfrecord keras_pose.durable""",
    "keras_pose.tracking.journal": """numpy cv2 tensorboard
        keras_pose.durable keras_pose.tracking.journal_files""",
    # Training knows no backend, but for the modules that are one.
    "keras_pose.training": """numpy keras absl keras_pose.config
        keras_pose.durable keras_pose.skeleton keras_pose.geometry
        keras_pose.pose_spec keras_pose.losses keras_pose.heatmap_loss
        keras_pose.models keras_pose.data keras_pose.evaluation
        keras_pose.interruption keras_pose.serving.artefacts
        keras_pose.visualization keras_pose.tracking keras_pose.training""",
    "keras_pose.training.schedule": "keras",
    "keras_pose.training.freezing": "keras_pose.models",
    "keras_pose.training.optimizer": """keras keras_pose.models
        keras_pose.training""",
    "keras_pose.training.strategy": "tensorflow",
    "keras_pose.training.batch_norm": "tensorflow keras_pose.models",
    "keras_pose.training.fused_adam": "keras tensorflow",
    "keras_pose.training.step": """numpy tensorflow
        keras_pose.data.augmentation_graph keras_pose.training""",
    "keras_pose.training.tensorflow_engine": """numpy tensorflow
        keras_pose.data.pipeline keras_pose.training""",
    "keras_pose.training.jax_engine": """numpy absl jax
        keras_pose.data.threads keras_pose.training.jax_step""",
    "keras_pose.training.jax_step": "jax keras keras_pose.training",
    # The scripts answer --help at once: all else waits for their flags.
    "train": "absl ml_collections keras_pose.console",
    "augment": "absl ml_collections keras_pose.console",
    "evaluate": "absl keras_pose.console",
    "export": "absl keras_pose.console keras_pose.serving.formats",
    "predict": "absl keras_pose.console",
    "prepare": "absl keras_pose.console",
}
# part: what it may import besides, inside a function
MAY_IMPORT_LATE = {
    "keras_pose": "keras_pose.prediction",
    "keras_pose.pose": "keras_pose.outputs.still",
    "keras_pose.outputs.pose_json": """
        keras_pose.data.sources.reading.json_stream""",
    "keras_pose.outputs.pose_npz": "keras_pose.data.sources.reading.files",
    "keras_pose.serving.measure": "cv2 keras_pose.serving.saved_model",
    "keras_pose.serving.parity": "keras_pose.synthesis.scene",
    # Only for the backends that are these.
    "keras_pose.data.examples": """keras_pose.data.augmentation_graph
        keras_pose.data.imgaug_backend""",
    # An artefact of one kind is loaded without the tools of the others.
    "keras_pose.serving.artefacts": """keras keras_pose.layers
        keras_pose.serving.onnx_model""",
    "keras_pose.serving.runtimes": """tensorflow ai_edge_litert
        keras_pose.serving.saved_model_file""",
    "keras_pose.serving.saved_model_file": "tensorflow",
    "keras_pose.serving.onnx_model": "keras",
    "keras_pose.outputs.still": "matplotlib",
    "keras_pose.outputs.page": "plotly",
    "keras_pose.people": """keras_pose.people.hog
        keras_pose.people.network_detector""",
    "keras_pose.people.network_files": """ai_edge_litert
        keras_pose.serving.onnx_model""",
    "keras_pose.tracking.report_charts": "matplotlib",
    "keras_pose.training.preview": "keras_pose.data.augmentation_graph",
    "train": "keras_pose.interruption keras_pose.training",
    "augment": "PIL keras_pose.training",
    "evaluate": """keras_pose.durable keras_pose.evaluation
        keras_pose.serving.artefacts keras_pose.tracking""",
    "export": "keras_pose.serving",
    "predict": """keras_pose.data.store keras_pose.evaluation
        keras_pose.media.reader keras_pose.memory keras_pose.outputs.results
        keras_pose.people keras_pose.prediction keras_pose.serving.artefacts
        keras_pose.shots keras_pose.streaming keras_pose.watching""",
    "prepare": "keras_pose.data keras_pose.memory keras_pose.synthesis.scene",
}


def module_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


MODULES = {
    module_of(path): path
    for path in [*ROOT.glob("*.py"), *ROOT.glob("keras_pose/**/*.py")]
}


def within(module, part):
    return module == part or module.startswith(f"{part}.")


def part_of(module, table):
    parts = [part for part in table if within(module, part)]
    # What is new must say what it imports; `keras_pose` alone fits all.
    parts = [part for part in parts if part != "keras_pose" or part == module]
    return max(parts, key=len, default=None)


def imports_of(source, module):
    """What a module imports, as ({on its own import}, {in a function})."""
    tree = ast.parse(source)
    functions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
    late_nodes = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, functions)
        for inner in ast.walk(node)
    }
    found = set(), set()
    for node in ast.walk(tree):
        names = ()
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} has a relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        found[id(node) in late_nodes].update(names)
    return found


def forbidden(source, module):
    """The imports of a module that the tables do not have."""
    early, late = imports_of(source, module)
    allowed = MAY_IMPORT[part_of(module, MAY_IMPORT)].split()
    late_part = part_of(module, MAY_IMPORT_LATE)
    allowed_late = allowed + MAY_IMPORT_LATE.get(late_part, "").split()
    return [
        name
        for names, parts in ((early, allowed), (late, allowed_late))
        for name in sorted(names)
        if name.split(".")[0] not in sys.stdlib_module_names
        and not any(within(name, part) for part in parts)
    ]


@pytest.mark.parametrize("module", sorted(MODULES))
def test_module_imports_only_what_is_below_it(module):
    assert part_of(module, MAY_IMPORT), f"no row of MAY_IMPORT has {module}"
    assert forbidden(MODULES[module].read_text("utf-8"), module) == []


@pytest.mark.parametrize(
    ("table", "when"),
    [(MAY_IMPORT, 0), (MAY_IMPORT_LATE, 1)],
    ids=["early", "late"],
)
def test_tables_allow_only_what_is_used(table, when):
    used = {
        (part_of(module, table), name)
        for module, path in MODULES.items()
        for name in imports_of(path.read_text("utf-8"), module)[when]
    }
    for part, row in table.items():
        names = [name for user, name in used if user == part]
        for allowed in row.split():
            assert any(within(name, allowed) for name in names), (part, allowed)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("keras_pose.geometry.crop", "from keras_pose.data import records"),
        ("keras_pose.geometry.crop", "def f():\n import keras_pose.data"),
        ("keras_pose.geometry.volume", "import tensorflow as tf"),
        ("keras_pose.geometry.volume", "import keras"),
        ("keras_pose.skeleton", "import numpy"),
        ("keras_pose.config", "from keras_pose import skeleton"),
        ("keras_pose.layers", "def f():\n import tensorflow"),
        ("keras_pose.layers", "from keras_pose import models"),
        ("keras_pose.losses", "from keras_pose.geometry import crop"),
        ("keras_pose.models", "class A:\n from keras_pose import losses"),
        ("keras_pose.models", "from keras_pose.config import Config"),
        ("keras_pose.data.pipeline", "from keras_pose.training import step"),
        ("keras_pose.data.records", "from keras_pose import config"),
        ("keras_pose.data.records", "import tensorflow"),
        ("keras_pose.data.store", "import tensorflow"),
        ("keras_pose.data.order", "from keras_pose.data import store"),
        ("keras_pose.data.examples", "import tensorflow"),
        (
            "keras_pose.data.examples",
            "from keras_pose.data import augmentation_graph",
        ),
        ("keras_pose.data.threads", "def f():\n import tensorflow"),
        ("keras_pose.data.sources.mmpose", "import tensorflow"),
        ("keras_pose.data.sources.mmpose", "import h5py"),
        ("keras_pose.data.sample", "import tensorflow"),
        ("keras_pose.data.conversion", "import keras_pose.synthesis"),
        ("keras_pose.data.synthetic", "from keras_pose.synthesis import body"),
        ("keras_pose.synthesis", "import numpy"),
        ("keras_pose.synthesis.draws", "import keras_pose.synthesis.scene"),
        ("keras_pose.synthesis.body", "from keras_pose.synthesis import poses"),
        ("keras_pose.synthesis.motion", "import cv2"),
        ("keras_pose.synthesis.render", "import tensorflow"),
        ("keras_pose.synthesis.scene", "import tensorflow"),
        ("keras_pose.synthesis.scene", "def f():\n import tensorflow"),
        ("keras_pose.synthesis.scene", "from keras_pose.data import records"),
        ("keras_pose.synthesis.workers", "def f():\n import tensorflow"),
        (
            "keras_pose.synthesis.workers",
            "from keras_pose.data import synthetic",
        ),
        (
            "keras_pose.evaluation.metrics",
            "from keras_pose.data import records",
        ),
        ("keras_pose.evaluation.scoring", "from keras_pose import models"),
        ("keras_pose.serving.export", "import keras_pose.training.loop"),
        ("keras_pose.serving.export", "from keras_pose import models"),
        ("keras_pose.serving.artefacts", "import keras"),
        ("keras_pose.serving.client.base", "import tensorflow"),
        ("keras_pose.serving.client.rest_client", "import grpc"),
        ("keras_pose.prediction", "from keras_pose.config import Config"),
        ("keras_pose.prediction", "import tensorflow"),
        ("keras_pose.outputs.still", "from matplotlib.figure import Figure"),
        ("keras_pose.training.loop", "import keras_pose.console"),
        ("keras_pose.training.optimizer", "import tensorflow as tf"),
        ("keras_pose.training.freezing", "import tensorflow as tf"),
        ("train", "from keras_pose.training.loop import fit"),
        ("keras_pose", "from keras_pose import layers"),
    ],
)
def test_an_upward_import_is_found(module, source):
    assert module in MODULES
    assert len(forbidden(source, module)) == 1


def test_imports_in_functions_are_told_from_the_others():
    source = """
import os, a.b
if os:
    from c import d as e
def f():
    import g
    class H:
        from i import j
"""
    assert imports_of(source, "m") == ({"os", "a.b", "c.d"}, {"g", "i.j"})


def test_config_is_seen_by_training_and_its_tracking_alone():
    rows = MAY_IMPORT.items() | MAY_IMPORT_LATE.items()
    readers = {p for p, row in rows if "keras_pose.config" in row.split()}
    assert readers
    parts = "keras_pose.training", "keras_pose.tracking"
    for reader in readers:
        assert any(within(reader, part) for part in parts)
