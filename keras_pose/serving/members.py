"""Reads members of zips that strangers wrote."""

import zipfile


def check_stored(member):
    """Checks that reading a member takes no more than its file holds.

    Args:
        member: A ZipInfo.

    Raises:
        ValueError: It is compressed, and could be of any size.
    """
    if (
        member.compress_type != zipfile.ZIP_STORED
        or member.file_size != member.compress_size
    ):
        raise ValueError(f"{member.filename} must not be compressed")


def read(archive, name, most_bytes=1_000_000):
    """The bytes of a member.

    Args:
        archive: A ZipFile.
        name: Of the member.
        most_bytes: That it may have.

    Raises:
        KeyError: There is no such member.
        ValueError: It is compressed or too large.
    """
    member = archive.getinfo(name)
    check_stored(member)
    if member.file_size > most_bytes:
        raise ValueError(
            f"{name} must have at most {most_bytes} bytes. "
            f"Received: {member.file_size}"
        )
    return archive.read(member)
