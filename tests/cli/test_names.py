"""A name means one thing, or it is said what it could mean."""

import unicodedata

import pytest

from lfrd.cli.names import Choice, choose
from lfrd.errors import BadInput, NotFound

IDS = ("01a21740-90b4-7ebc-9ae8-c768a694ec29", "01a21741-6ce4-73f8-a587-c0ca12ae1098")


def choices(*names: str) -> list[Choice[str]]:
    return [
        Choice(name, item_id, (name,), f"list {name}")
        for name, item_id in zip(names, IDS, strict=False)
    ]


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("Bans", "Bans"), ("bans", "bans"), ("BANS ", None), (IDS[0], "Bans"), ("94ec29", "Bans"),
        ("…12ae1098", "bans"), ("01a21741", "bans"),
    ],
)  # fmt: skip
def test_as_it_is_written_goes_before_other_letters(given: str, meant: str | None) -> None:
    if meant is None:
        with pytest.raises(BadInput, match="could be: list Bans, list bans"):
            choose("watchlist", given, choices("Bans", "bans"))
    else:
        assert choose("watchlist", given, choices("Bans", "bans")) == meant


def test_what_only_one_can_be_is_found_in_any_spelling() -> None:
    for given in ("müller", "MÜLLER", unicodedata.normalize("NFD", "Müller"), " Müller "):
        assert choose("watchlist", given, choices("Müller")) == "Müller"


def test_a_part_of_an_id_that_several_have_is_ambiguous() -> None:
    with pytest.raises(BadInput, match="could be: list a, list b"):
        choose("watchlist", "01a2", choices("a", "b"))
    for short in ("01a", "c29", ""):
        with pytest.raises(NotFound):
            choose("watchlist", short, choices("a", "b"))


def test_what_there_is_instead_is_said() -> None:
    with pytest.raises(NotFound, match="there is no watchlist 'House bens'; there is: list House"):
        choose("watchlist", "House bens", choices("House bans", "Missing"))
    with pytest.raises(NotFound, match="there is: list House bans, list Missing"):
        choose("watchlist", "zzz", choices("House bans", "Missing"))
    with pytest.raises(NotFound, match="there is none"):
        choose("watchlist", "x", [])
    many = [Choice(n, IDS[0], (f"n{n}",), f"n{n}") for n in range(100)]
    with pytest.raises(NotFound, match="and 90 more"):
        choose("entry", "zzz", many)
