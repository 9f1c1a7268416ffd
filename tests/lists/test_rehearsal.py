"""What a dry run keeps in memory is bounded, and overwritten when it is not gone on with."""

import asyncio

import numpy as np

from lfrd.lists import rehearsal
from lfrd.lists.enrolment import EnrolledPhoto
from lfrd.lists.photo_gate import Neighbour, Resemblance
from lfrd.lists.rehearsal import Rehearsal, Rehearsals
from lfrd.lists.table import Row
from lfrd.types import Template

EMPTY = Resemblance()


def photo(axis: int, sha256: str) -> EnrolledPhoto:
    made = object.__new__(EnrolledPhoto)  # of all its fields two are asked for
    object.__setattr__(made, "sha256", sha256)
    object.__setattr__(made, "template", Template(np.eye(128, dtype=np.float32)[axis], "digest"))
    return made


def test_what_resembles_more_counts() -> None:
    known = Rehearsal()
    known.passed(Row(1, "a", "1"), photo(0, "x"))
    stored = Resemblance(own=0.5, nearest=Neighbour("entry", 0.6))
    of_another = known.resembled(Row(2, "b", "2"), photo(0, "x"), stored)
    assert (of_another.own, of_another.nearest) == (0.5, Neighbour(rehearsal.WOULD_BE, 1.0))
    assert of_another.same_file_entry_id == rehearsal.WOULD_BE
    own = known.resembled(Row(2, "a", "2"), photo(0, "y"), stored)
    assert (own.own, own.nearest) == (1.0, Neighbour("entry", 0.6))
    assert known.resembled(Row(2, "b", "2"), photo(1, "y"), stored) == stored


def test_rows_of_one_person_do_not_resemble_another() -> None:
    known = Rehearsal()
    known.passed(Row(1, "a", "1", person="anna"), photo(0, "x"))
    found = known.resembled(Row(2, "b", "2", person="anna"), photo(0, "y"), EMPTY)
    assert found.nearest is None


def test_a_rows_entry_knows_its_photos() -> None:
    known = Rehearsal()
    known.passed(Row(1, "a", "1"), photo(0, "x"))
    assert known.has(Row(2, "a", "2"), photo(0, "x"))
    assert not known.has(Row(2, "b", "2"), photo(0, "x"))
    assert (known.photos_of("a"), known.photos_of("b")) == (1, 0)


async def test_it_is_overwritten_when_no_row_comes() -> None:
    kept = Rehearsals()
    known = kept.of(("list", "ada", "d"), idle_s=0.02)
    known.passed(Row(1, "a", "1"), photo(0, "x"))
    (vector,) = (one.vector for one in known._passed)
    assert kept.of(("list", "ada", "d"), idle_s=0.02) is known
    await asyncio.sleep(0.1)
    assert len(kept) == 0
    assert not vector.any()
    assert kept.of(("list", "ada", "d"), idle_s=0.01) is not known
    await asyncio.sleep(0.05)


async def test_many_at_once_push_out_the_oldest() -> None:
    kept = Rehearsals()
    made = [kept.of((str(n),), idle_s=0.05) for n in range(rehearsal.AT_ONCE + 1)]
    assert len(kept) == rehearsal.AT_ONCE
    assert kept.of(("0",), idle_s=0.05) is not made[0]
    assert kept.of((str(rehearsal.AT_ONCE),), idle_s=0.05) is made[-1]
    await asyncio.sleep(0.2)
    assert len(kept) == 0
