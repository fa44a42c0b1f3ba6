"""TFRecord files, the framing that TensorFlow reads and writes.

A record lies in its file as the length of its bytes (8 bytes, little-endian),
the masked CRC32C of that length (4 bytes), the bytes, and their masked CRC32C.
Source: TensorFlow's `core/lib/io/record_writer.h`.
"""

import os
import struct

import google_crc32c

_HEADER = struct.Struct("<QI")
_FOOTER = struct.Struct("<I")
OVERHEAD = _HEADER.size + _FOOTER.size  # bytes of a record beside its own
_LENGTH_BYTES = 8
_MASK_DELTA = 0xA282EAD8


class Writer:
    """Writes the records of a file.

    Attributes:
        lengths: Bytes of each record written so far, without their framing.
    """

    def __init__(self, path):
        self.lengths = []
        self._file = open(path, "wb")

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def write(self, record):
        """Appends a record's bytes."""
        length = len(record).to_bytes(_LENGTH_BYTES, "little")
        self._file.write(length)
        self._file.write(_FOOTER.pack(_masked_crc(length)))
        self._file.write(record)
        self._file.write(_FOOTER.pack(_masked_crc(record)))
        self.lengths.append(len(record))

    def close(self):
        """Ends the file."""
        self._file.close()


def read_at(descriptor, offset, length):
    """Reads one record of an open file; any number of threads may at once.

    Args:
        descriptor: Of the file.
        offset: Where the record's framing begins, bytes.
        length: Of the record's own bytes, as it was written. What the file
            itself says is not trusted with memory.

    Returns:
        The record's bytes.

    Raises:
        ValueError: The bytes are not what was written.
        OSError: The file cannot be read.
    """
    framed = _pread(descriptor, length + OVERHEAD, offset)
    if len(framed) < length + OVERHEAD:
        raise ValueError("the file ends before the record does")
    return _checked(framed, length)


def read_all(path):
    """Yields the records of a file in their order.

    Raises:
        ValueError: The file is damaged; names the file and the record.
        OSError: The file cannot be read.
    """
    with open(path, "rb") as file:
        left = os.fstat(file.fileno()).st_size
        index = 0
        while left:
            header = file.read(_HEADER.size)
            try:
                length = _length_of(header)
                if length + OVERHEAD > left:
                    raise ValueError("the file ends before the record does")
                framed = header + file.read(length + _FOOTER.size)
                yield _checked(framed, length)
            except ValueError as error:
                raise ValueError(f"{path}: record {index}: {error}") from error
            left -= len(framed)
            index += 1


def read_lengths(path, most):
    """Reads how long the records of a file are, and not the records.

    Args:
        path: The file.
        most: Bytes that a record may have.

    Returns:
        Their lengths, a list in the order of the file.

    Raises:
        ValueError: The file is damaged, or a record is longer; names the file
            and the record.
        OSError: The file cannot be read.
    """
    lengths = []
    with open(path, "rb") as file:
        left = os.fstat(file.fileno()).st_size
        while left:
            try:
                length = _length_of(file.read(_HEADER.size))
                if length > most:
                    raise ValueError(
                        f"it must have at most {most} bytes. Received: {length}"
                    )
                if length + OVERHEAD > left:
                    raise ValueError("the file ends before the record does")
            except ValueError as error:
                raise ValueError(
                    f"{path}: record {len(lengths)}: {error}"
                ) from error
            file.seek(length + _FOOTER.size, os.SEEK_CUR)
            lengths.append(length)
            left -= length + OVERHEAD
    return lengths


def _pread(descriptor, count, offset):
    """Reads `count` bytes, fewer where the file ends before."""
    content = os.pread(descriptor, count, offset)
    # A call may give less than there is, on network file systems for one.
    while len(content) < count:
        more = os.pread(descriptor, count - len(content), offset + len(content))
        if not more:
            break
        content += more
    return content


def _length_of(header):
    if len(header) < _HEADER.size:
        raise ValueError("the file ends before the record does")
    length, checksum = _HEADER.unpack(header)
    if checksum != _masked_crc(header[:_LENGTH_BYTES]):
        raise ValueError("the checksum of its length is wrong")
    return length


def _checked(framed, length):
    """The record within its framing."""
    found = _length_of(framed[: _HEADER.size])
    if found != length:
        raise ValueError(f"it must have {length} bytes. Received: {found}")
    record = framed[_HEADER.size : -_FOOTER.size]
    (checksum,) = _FOOTER.unpack(framed[-_FOOTER.size :])
    if checksum != _masked_crc(record):
        raise ValueError("its checksum is wrong")
    return record


def _masked_crc(content):
    """CRC32C, masked: a checksum of bytes that hold checksums is a weak one."""
    crc = google_crc32c.value(content)
    rotated = (crc >> 15) | (crc << 17)
    return (rotated + _MASK_DELTA) & 0xFFFFFFFF
