import asyncio
from dataclasses import replace

import numpy as np
import pytest

from lfrd.lists.enrolment import EnrolledPhoto
from lfrd.lists.related_photo_lock import RelatedPhotoLock
from lfrd.lists.table import Row
from lfrd.types import Template, Texture
from support.values import quality


def photo(number: int, sha256: str | None = None) -> EnrolledPhoto:
    """Each of these looks like nobody else."""
    vector = np.zeros(16, np.float32)
    vector[number] = 1.0
    plain = Texture(60.0, 60.0, 60.0, 80.0)
    return EnrolledPhoto(
        sha256 or f"{number}", 10, 10, b"", b"", Template(vector, "m"), quality(), plain
    )


async def order(*photos: tuple[Row, EnrolledPhoto]) -> list[str]:
    """What happens when all come at once: the first needs longer than the others."""
    related, seen = RelatedPhotoLock(), []

    async def one(number: int, row: Row, which: EnrolledPhoto) -> None:
        async with related.turn(row, which):
            seen.append(f"in {number}")
            for _ in range(5 if number == 0 else 1):
                await asyncio.sleep(0)
            seen.append(f"out {number}")

    await asyncio.gather(*(one(n, row, which) for n, (row, which) in enumerate(photos)))
    assert not related._now
    return seen


A, B = Row(1, "a", "1.jpg"), Row(2, "b", "2.jpg")


async def test_strangers_do_not_wait_for_each_other() -> None:
    seen = await order((A, photo(0)), (B, photo(1)))
    assert seen == ["in 0", "in 1", "out 1", "out 0"]


@pytest.mark.parametrize(
    ("row", "which"),
    [
        (replace(B, reference="a"), photo(1)),
        (B, photo(1, sha256="0")),
        (B, photo(0, sha256="another")),
    ],
    ids=["entry", "file", "face"],
)
async def test_who_has_to_do_with_an_earlier_one_waits(row: Row, which: EnrolledPhoto) -> None:
    assert await order((A, photo(0)), (row, which)) == ["in 0", "out 0", "in 1", "out 1"]


async def test_rows_of_one_person_wait_and_of_nobody_in_particular_do_not() -> None:
    ours, theirs = replace(A, person="x"), replace(B, person="x")
    assert (await order((ours, photo(0)), (theirs, photo(1))))[1] == "out 0"
    assert (await order((A, photo(0)), (theirs, photo(1))))[1] == "in 1"


async def test_a_failure_lets_the_others_go_on() -> None:
    related = RelatedPhotoLock()

    async def fail() -> None:
        async with related.turn(A, photo(0)):
            await asyncio.sleep(0)
            raise ValueError

    async def follow() -> None:
        async with related.turn(A, photo(0)):
            pass

    failed, followed = await asyncio.gather(fail(), follow(), return_exceptions=True)
    assert isinstance(failed, ValueError)
    assert followed is None
