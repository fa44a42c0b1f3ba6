"""Which devices train with TensorFlow: one, a machine's, several machines'."""

import contextlib
import functools
import shutil

import tensorflow as tf

STRATEGIES = ("mirrored", "one_device", "multi_worker", "tpu")
CLUSTERS = ("tf_config", "slurm")
_MANY = 2**16
# What TensorFlow raises of an operation that a worker has left.
_LEFT_ALONE = (
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,  # it has come back as another process
    tf.errors.UnavailableError,
)


def make_strategy(
    name="mirrored",
    num_virtual_devices=0,
    cluster="tf_config",
    slurm_port=8888,
    tpu="",
):
    """A strategy by its name.

    Call it before anything else touches TensorFlow's devices.

    Args:
        name: "mirrored": all GPUs of this machine, or its CPU where there are
            none; "one_device": the first of them; "multi_worker": those of
            all machines of a cluster; "tpu".
        num_virtual_devices: If positive, this machine's CPU is split into so
            many devices instead, which train as several GPUs would: a test of
            distribution on any machine.
        cluster: Of "multi_worker", how its workers find each other.
            "tf_config" reads the variable TF_CONFIG, which Kubernetes
            operators set; "slurm" those that `srun` sets.
        slurm_port: The first port of "slurm" workers on a machine.
        tpu: Of "tpu": its name or address, "local" on a TPU's own machine.

    Returns:
        A tf.distribute.Strategy.

    Raises:
        RuntimeError: Another worker has ended.
        ValueError: An argument is out of range, devices are already set up,
            the cluster is not described, or this worker's port is taken.
    """
    if name not in STRATEGIES:
        raise ValueError(
            f"`strategy` must be one of {', '.join(STRATEGIES)}. "
            f"Received: {name!r}"
        )
    if name == "tpu":
        return _tpu(tpu)
    if num_virtual_devices < 0:
        raise ValueError(
            "`num_virtual_devices` must be at least 0. "
            f"Received: {num_virtual_devices}"
        )
    if num_virtual_devices:
        _split_cpu(num_virtual_devices)
    if name == "multi_worker":
        return _multi_worker(cluster, slurm_port)
    # Logical ones can only be listed once no more can be made.
    if num_virtual_devices:
        devices = [f"CPU:{index}" for index in range(num_virtual_devices)]
    else:
        gpus = tf.config.list_logical_devices("GPU")
        devices = [gpu.name for gpu in gpus] or ["CPU:0"]
    if name == "one_device":
        return tf.distribute.OneDeviceStrategy(devices[0])
    return tf.distribute.MirroredStrategy(devices)


def worker_of(strategy):
    """Which worker this process is, counted from 0, and of how many."""
    resolver = strategy.cluster_resolver
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return 0, 1
    spec = resolver.cluster_spec().as_dict()
    chiefs = len(spec.get("chief", ()))
    first = 0 if resolver.task_type == "chief" else chiefs
    workers = chiefs + len(spec.get("worker", ()))
    return first + (resolver.task_id or 0), max(workers, 1)


@contextlib.contextmanager
def needing_workers(num_workers):
    """A context in which the end of another worker is an error in words.

    TensorFlow sees a connection that breaks at once, and within about ten
    seconds a worker that is silent.

    Args:
        num_workers: How many there must be, this one among them.

    Raises:
        RuntimeError: Another worker has ended, or does not answer.
    """
    try:
        yield
    except _LEFT_ALONE as error:
        if num_workers == 1:
            raise
        reason = error.message.rpartition("aborted by: ")[2].partition("\n")[0]
        raise RuntimeError(
            f"a run of {num_workers} workers needs all of them, and one has "
            f"ended: {reason}. The last checkpoint is as it was; start every "
            "worker again by its own command"
        ) from error


def distribute(make_dataset, strategy):
    """The batches of each replica as a strategy takes them.

    Args:
        make_dataset: Takes nothing; the tf.data.Dataset of this worker, whose
            elements are the batches of its replicas in turn.
        strategy: Of `make_strategy`.

    Returns:
        An iterable of batches for `strategy.run`.
    """
    devices = strategy.extended.worker_devices
    if len(devices) == 1 and "CPU:" in devices[0]:
        # They are where they must be. TensorFlow's distributed iterator makes
        # a step on a CPU 5 % slower.
        return make_dataset()
    return strategy.distribute_datasets_from_function(
        lambda context: make_dataset()
    )


def _split_cpu(count):
    cpu = tf.config.list_physical_devices("CPU")[0]
    try:
        tf.config.set_logical_device_configuration(
            cpu, [tf.config.LogicalDeviceConfiguration()] * count
        )
    except RuntimeError as error:
        raise ValueError(
            "`num_virtual_devices` must be set before TensorFlow starts. "
            f"Received: {count}"
        ) from error


def _multi_worker(cluster, slurm_port):
    if cluster not in CLUSTERS:
        raise ValueError(
            f"`cluster` must be one of {', '.join(CLUSTERS)}. "
            f"Received: {cluster!r}"
        )
    try:
        if cluster == "slurm":
            resolver = _slurm(slurm_port)
        else:
            resolver = _tf_config()
        described = resolver.cluster_spec().as_dict()
    except (KeyError, RuntimeError, ValueError) as error:
        raise ValueError(
            f"`cluster` must be described by the environment: {error!r}. "
            f"Received: {cluster!r}"
        ) from error
    if not described.get("worker"):
        raise ValueError(
            "`cluster` must have workers, as TF_CONFIG or srun lists them. "
            f"Received: {described or cluster!r}"
        )
    with needing_workers(sum(map(len, described.values()))):
        try:
            return tf.distribute.MultiWorkerMirroredStrategy(resolver)
        except tf.errors.UnknownError as error:
            raise ValueError(
                "`cluster` must give this worker an address of its own, with "
                f"a free port: {error.message}. Received: {described}"
            ) from error


def _tf_config():
    return tf.distribute.cluster_resolver.TFConfigClusterResolver()


def _slurm(port):
    make = functools.partial(
        tf.distribute.cluster_resolver.SlurmClusterResolver, port_base=port
    )
    if shutil.which("nvidia-smi"):
        return make()
    # It counts tasks by their GPUs; where there are none, by imagined ones,
    # which must not be taken for devices.
    resolver = make(gpus_per_node=_MANY, gpus_per_task=1, auto_set_gpu=False)
    resolver.num_accelerators = lambda *arguments: {}
    return resolver


def _tpu(address):
    resolver = tf.distribute.cluster_resolver.TPUClusterResolver(address)
    tf.config.experimental_connect_to_cluster(resolver)
    tf.tpu.experimental.initialize_tpu_system(resolver)
    return tf.distribute.TPUStrategy(resolver)
