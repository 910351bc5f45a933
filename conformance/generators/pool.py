"""The pool that a client has, and the payload's (specification, sections 12.1 and 12.2)."""

from __future__ import annotations

import hashlib

from .. import appendix_b as spec
from ..build import Meaning, changed, draft
from ..vector import Case, invalid, valid

IMAGES = [hashlib.sha256(f"image {number}".encode()).digest() for number in range(9)]


def _for(images: list[bytes], *, size: int | None = None) -> Meaning:
    """A payload for the pool of these images."""
    size = len(images) if size is None else size
    return changed(
        pool_id=spec.pool_id(images), pool_size=size, positions=(0, 2, 3), labels=(0, 1, 0)
    )


@valid("PLADA-POOL-001", "PLADA-POOL-002", role="client")
def same_pool() -> Case:
    """The client has exactly the payload's pool, of seven images: an uneven tree."""
    return Case(draft(_for(IMAGES[:7])), pool=IMAGES[:7])


@valid("PLADA-POOL-001", "PLADA-POOL-002", role="client")
def pool_of_four() -> Case:
    """The client has exactly the payload's pool, of four images: a complete tree."""
    return Case(draft(_for(IMAGES[:4])), pool=IMAGES[:4])


@valid("PLADA-POOL-003", "PLADA-POOL-002", role="client")
def grown_pool() -> Case:
    """The client's pool has grown from seven to nine images since."""
    return Case(draft(_for(IMAGES[:7])), pool=IMAGES)


@valid("PLADA-POOL-003", "PLADA-POOL-001", role="client")
def payload_of_the_empty_pool() -> Case:
    """A payload that keeps nothing, for the empty pool, serves every client."""
    meaning = Meaning(pool_id=spec.pool_id([]), pool_size=0, positions=(), labels=())
    return Case(draft(meaning), pool=IMAGES)


@valid("PLADA-POOL-001", role="client")
def pool_with_an_image_twice() -> Case:
    """The same image at two positions is allowed."""
    images = [*IMAGES[:4], IMAGES[0]]
    return Case(draft(_for(images)), pool=images)


@invalid("pool-mismatch", "PLADA-POOL-002", role="client", twin=False)
def pool_too_small() -> Case:
    """The client lacks the last of the pool's images."""
    return Case(draft(_for(IMAGES[:7])), pool=IMAGES[:6])


@invalid("pool-mismatch", "PLADA-POOL-002", role="client", twin=False)
def two_images_swapped() -> Case:
    """Two images of the client's pool have changed places."""
    return Case(draft(_for(IMAGES[:7])), pool=[IMAGES[1], IMAGES[0], *IMAGES[2:7]])


@invalid("pool-mismatch", "PLADA-POOL-002", role="client", twin=False)
def one_image_replaced() -> Case:
    """An image that the payload does not keep is another one."""
    return Case(draft(_for(IMAGES[:7])), pool=[*IMAGES[:6], IMAGES[8]])


@invalid("pool-mismatch", "PLADA-POOL-002", role="client", twin=False)
def grown_at_the_front() -> Case:
    """The client's pool has a new image in front."""
    return Case(draft(_for(IMAGES[:7])), pool=[IMAGES[8], *IMAGES[:7]])


@invalid("pool-mismatch", "PLADA-POOL-002", role="client", twin=False)
def pool_id_with_another_size() -> Case:
    """The payload states the id of seven images and a size of six."""
    return Case(draft(_for(IMAGES[:7], size=6)), pool=IMAGES[:7])


@invalid("pool-mismatch", "PLADA-POOL-001", "PLADA-POOL-002", role="client", twin=False)
def pool_id_without_leaf_tag() -> Case:
    """The pool id is the plain tree of RFC 9162 over the digests, without the leaf's tag."""
    one, two = (hashlib.sha256(b"\x00" + digest).digest() for digest in IMAGES[:2])
    plain = hashlib.sha256(b"\x01" + one + two).digest()
    meaning = changed(pool_id=plain, pool_size=2, positions=(0, 1), labels=(0, 1))
    return Case(draft(meaning), pool=IMAGES[:2])


@invalid("crc-mismatch", "PLADA-CHK-001", "PLADA-POOL-002", role="client", twin=False)
def damage_comes_before_the_pool() -> Case:
    """A damaged file for another pool: it is refused for the damage."""
    made = draft(_for(IMAGES[:7])).build()
    data = bytearray(made.data)
    data[made.ranges["BLOCK 0.labels"][0]] ^= 1
    return Case(bytes(data), pool=IMAGES[:6])


@valid("PLADA-POOL-001", role="client")
def pool_of_one() -> Case:
    """The client has exactly the payload's pool, of one image: its id is that of a leaf."""
    meaning = changed(pool_id=spec.pool_id(IMAGES[:1]), pool_size=1, positions=(0,), labels=(1,))
    return Case(draft(meaning), pool=IMAGES[:1])


@valid("PLADA-POOL-001", role="client")
def pool_of_nine() -> Case:
    """The client has exactly the payload's pool, of nine images: a tree of eight and a leaf."""
    return Case(draft(_for(IMAGES)), pool=IMAGES)


@invalid("pool-mismatch", "PLADA-POOL-002", role="client", twin=False)
def pool_size_beyond_its_id() -> Case:
    """The payload states the id of six images, which the client has, and a size of seven."""
    return Case(draft(_for(IMAGES[:6], size=7)), pool=IMAGES[:6])


@invalid("pool-mismatch", "PLADA-POOL-002", role="client", twin=False)
def client_without_images() -> Case:
    """The client's pool is empty."""
    return Case(draft(_for(IMAGES[:7])), pool=[])


@invalid("pool-mismatch", "PLADA-POOL-001", "PLADA-POOL-002", role="client", twin=False)
def pool_id_of_halves() -> Case:
    """The pool id is that of a tree of seven images that is cut in the middle: three and four."""
    left, right = spec.pool_id(IMAGES[:3]), spec.pool_id(IMAGES[3:7])
    meaning = changed(
        pool_id=hashlib.sha256(b"\x01" + left + right).digest(),
        pool_size=7,
        positions=(0, 2, 3),
        labels=(0, 1, 0),
    )
    return Case(draft(meaning), pool=IMAGES[:7])


@invalid("pool-mismatch", "PLADA-POOL-001", "PLADA-POOL-002", role="client", twin=False)
def pool_id_with_doubled_leaf() -> Case:
    """The pool id is that of a tree whose last of three leaves is doubled to make it even."""
    images = [*IMAGES[:3], IMAGES[2]]
    meaning = changed(
        pool_id=spec.pool_id(images), pool_size=3, positions=(0, 1, 2), labels=(0, 1, 0)
    )
    return Case(draft(meaning), pool=images)


@invalid("trailing-bytes", "PLADA-CHK-001", "PLADA-POOL-002", role="client", twin=False)
def trailing_bytes_come_before_the_pool() -> Case:
    """A file for another pool that a byte follows: it is refused for the byte."""
    made = draft(_for(IMAGES[:7]))
    made.trailing = b"\x00"
    return Case(made, pool=IMAGES[:6])
