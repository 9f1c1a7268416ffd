"""Text from outside as people may read it: nothing in it that a terminal obeys, and no secret.

Names, reasons and file names come from people and files, and may hold control characters or ones
that turn the reading direction round; messages may hold an address with its password. What is
escaped here is escaped as JSON escapes it, so that JSON which passes through stays the same value.
"""

import re
import unicodedata
from typing import Final
from urllib.parse import quote

MASK: Final = "***"
MESSAGE_LIMIT: Final = 4000
PATH_SHOWN_MAX: Final = 300

# what a terminal obeys ---------------------------------------------------------------------------

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Controls, formats (among them all that change the direction), halves of pairs, line ends."""

_JOINERS = "\u200c\u200d"
"""Formats that names in Persian and Indic scripts are written with, and emoji."""

_SHORT = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}


def printable(text: str) -> str:
    """For a terminal or a log: lines and tabs stay, all else that is no letter or sign is
    escaped."""
    return text if text.isprintable() else "".join(map(_escaped, text))


def one_line(text: str) -> str:
    """The same for a value that stands in a line of ours, and must not begin another one."""
    if text.isprintable():
        return text
    return "".join(_SHORT.get(letter) or _escaped(letter) for letter in text)


def _escaped(letter: str) -> str:
    if letter in "\n\t" or letter in _JOINERS or unicodedata.category(letter) not in _HIDDEN:
        return letter
    pair = letter.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{pair[at : at + 4]}" for at in range(0, len(pair), 4))


# what a spreadsheet obeys -------------------------------------------------------------------------

_FORMULA = re.compile(r"[\s'\"]*[=+\-@\uff1d\uff0b\uff0d\uff20|%]")


def table_cell(text: str) -> str:
    """A text for a cell of a table that may be opened in a spreadsheet: one line, and nothing that
    is taken for a formula. What begins like one, full-width signs included, gets an apostrophe."""
    shown = one_line(text)
    return f"'{shown}" if _FORMULA.match(shown) else shown


# secrets -----------------------------------------------------------------------------------------

_SCHEME = re.compile(r"(?i)[a-z][a-z0-9+.-]{0,30}:/")
_IN_QUERY = re.compile(
    r"(?i)(\w{0,20}(?:pass?|pwd|token|secret|auth|key|sig)\w{0,20}=)[^&\s]+",
)


def without_secrets(text: str) -> str:
    """A message for the user who typed a command.

    What it names may be an address with a password, given as a file or a list: too much is taken
    out of it rather than too little, from a scheme to the last `@`, and of a word that has a colon
    all before its `@`.
    """
    last = text.rfind("@")
    found = _SCHEME.search(text, 0, max(0, last))
    if found is not None:
        text = f"{text[: found.end()]}{MASK}{text[last:]}"
    text = _IN_QUERY.sub(rf"\1{MASK}", re.sub(r"\S+", _word_without_secrets, text))
    return text if len(text) <= MESSAGE_LIMIT else text[:MESSAGE_LIMIT] + "…"


def _word_without_secrets(word: re.Match[str]) -> str:
    user, at, host = word[0].rpartition("@")
    return f"{MASK}@{host}" if at and ":" in user else word[0]


_CAMERA_ROUTE = re.compile(r"/v1/cameras/[a-z0-9-]{1,63}(/[a-z]{1,20})?/?")
_WHIP_ROUTE = re.compile(r"(/v1/whip/[a-z0-9-]{1,63})(/.*)?")


def shown_route(path: str) -> str:
    """A request's path as it may be logged and answered: who gives a camera's address in the place
    of its id shall not find it there, nor the secret that a publisher's session id is."""
    for noun in ("/v1/cameras/", "/v1/whip/"):
        if path.startswith(noun):
            whip = _WHIP_ROUTE.fullmatch(path)
            if whip is not None:
                return f"{whip[1]}/{MASK}" if whip[2] else path
            return path if _CAMERA_ROUTE.fullmatch(path) else f"{noun}{MASK}"
    if any(mark in path for mark in ("@", ":", "//")):
        return f"/{MASK}"
    return quote(path[:PATH_SHOWN_MAX])


PLAIN_NAME = re.compile(r"[\w .,:+~()\[\]-]*")


def shown_file(path: str) -> str:
    """The path of a video file. Where a part has an unusual name, it may be that a user took an
    address for a path."""
    return "/".join(part if PLAIN_NAME.fullmatch(part) else MASK for part in path.split("/"))


_WORDS_TEXT: Final = """
a an av amp api audio axis back bin c cam camera cameras cgi ch channel channels cif codec
count d1 demo door entrance entry exit fps front gate h264 h264preview h265 h265preview hall
hd height hevc high id in index jpeg jpg left live lobby low m3u8 main mainstream media mjpeg
mjpg mkv mode mp mp4 mpeg mpeg4 multicast name north nph onvif out play preview primary
profile profiles proto quality realmonitor res resolution right rtsp s sd sdp secondary
snapshot south stream streaming streams sub substream subtype test track trackid ts type
unicast url user username v video videocodec videos webm west east whep width ws x y yard
"""
_WORDS: Final = frozenset(_WORDS_TEXT.split())
"""Of what cameras have in their paths; words that are no secret."""
_SECRETS_TEXT: Final = """
auth code key loginpas loginpass pass passwd password pin pw pwd sig signature secret token
"""
_SECRETS: Final = frozenset(_SECRETS_TEXT.split())
"""Names whose values are secret; they may be shown themselves."""
_TOKEN = re.compile(r"[A-Za-z0-9]+")
_NUMBERED = re.compile(r"([A-Za-z]*?)(\d{0,4})")


def shown_rest(rest: str) -> str:
    """Path and query. Only what is known to be harmless is shown: a token may stand anywhere."""
    path, mark, query = rest.partition("?")
    path, hash_mark, _ = path.partition("#")
    shown = "/".join(part if _is_harmless(part) else MASK for part in path.split("/"))
    if hash_mark:
        return f"{shown}#{MASK}"
    if not mark:
        return shown
    return f"{shown}?" + "&".join(_shown_pair(pair) for pair in query.split("&"))


def _shown_pair(pair: str) -> str:
    name, equals, value = pair.partition("=")
    if name.lower() in _SECRETS:
        return f"{name}{equals}{MASK}"
    if not _is_harmless(name):
        return MASK
    return f"{name}{equals}{value if _is_harmless(value) else MASK}"


def _is_harmless(part: str) -> bool:
    if not re.fullmatch(r"[A-Za-z0-9._=-]*", part):
        return False
    for token in _TOKEN.findall(part):
        word = _NUMBERED.fullmatch(token)
        if token.lower() not in _WORDS and not (word and word[1].lower() in {"", *_WORDS}):
            return False
    return True
