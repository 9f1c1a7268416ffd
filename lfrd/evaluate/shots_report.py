"""One self-contained page about labelled clips: timelines, tables, totals, and the crops of raises
that agree with the labels. Pure: nothing is fetched, and no script runs.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from lfrd.evaluate.shots import Raised, Shot
from lfrd.evaluate.shots_figures import Figures, PlayedClip, ShotFigures, totals_text

WIDTH, LEFT, ROW, TOP, BOTTOM = 960, 150, 30, 12, 34
NAME_SHOWN = 20
"""Longer names are cut beside the timeline; the tables have them whole."""

_STYLE = """
:root{color-scheme:light dark;--page:#fff;--ink:#1b1b1b;--faint:#757575;--line:#d5d5d5;
--expected:#9dc3ec;--edge:#1f5fa8;--raised:#0b5a2a;--wrong:#b3261e}
@media(prefers-color-scheme:dark){:root{--page:#16181b;--ink:#ececec;--faint:#a5a5a5;--line:#3c4046;
--expected:#274b73;--edge:#7fb2ea;--raised:#7fe0a2;--wrong:#ff8a80}}
body{font:15px/1.5 sans-serif;max-width:62em;margin:2em auto;padding:0 1em;background:var(--page);
color:var(--ink)}
svg{width:100%;height:auto;font:12px sans-serif}svg text{fill:var(--ink)}
.axis{stroke:var(--line)}.faint{fill:var(--faint)!important}
.expected{fill:var(--expected);stroke:var(--edge)}
.optional{fill:none;stroke:var(--edge);stroke-dasharray:4 3}
.raised{fill:var(--raised);stroke:var(--page)}.wrong{stroke:var(--wrong);stroke-width:3;fill:none}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%}
td,th{border-bottom:1px solid var(--line);padding:.2em .6em;text-align:left;vertical-align:top}
td.n,th.n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}.missed{color:var(--wrong);font-weight:bold}
figure{display:inline-block;margin:.5em;width:112px;vertical-align:top}
figcaption{font-size:12px;overflow-wrap:anywhere}
""".replace("\n", "")


@dataclass(frozen=True, slots=True)
class Crop:
    """The look that is kept of a raise that agrees with the labels, as a JPEG file, and the frame
    it is of: the deciding one, or a clearer one later on the same track."""

    clip: int
    entry: str
    frame: int
    jpeg: bytes


def page(
    found: Figures, played: Sequence[PlayedClip], people: Sequence[str], crops: Sequence[Crop]
) -> str:
    """The whole page. `people` are the names on the list, each with a row in every timeline."""
    totals = "".join(f"<li>{escape(line)}</li>" for line in totals_text(found))
    clips = "".join(
        f"<h2>{escape(clip.clip)}</h2>{timeline(clip, people, f'clip{number}')}"
        f"{_table(found, number)}{_pictures(number, crops)}"
        for number, clip in enumerate(played)
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">"
        f"<title>Labelled clips</title><style>{_STYLE}</style></head><body>"
        f"<h1>Labelled clips</h1><ul>{totals}</ul>{_LEGEND}{clips}"
        "<p>This page holds faces of people on the list. It is for those who may see the list.</p>"
        "</body></html>\n"
    )


def timeline(clip: PlayedClip, people: Sequence[str], name: str) -> str:
    """A row for each person: spans in which they are expected or may be raised, and the raises.

    Expected and optional differ in filling and line, right and wrong raises in colour and shape.
    `name` is unique in the page.
    """
    height = TOP + ROW * len(people) + BOTTOM
    rows = "".join(_row(clip, person, TOP + ROW * place) for place, person in enumerate(people))
    score = clip.score
    told = (
        f"{score.raised} of {sum(len(shot.present) for shot in clip.shots)} person-shots raised, "
        f"{len(score.wrong)} wrong. The table below says the same in words."
    )
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="{name}t {name}d">'
        f'<title id="{name}t">Timeline of {escape(clip.clip)}</title>'
        f'<desc id="{name}d">{told}</desc>{_axis(clip, height)}{rows}</svg>'
    )


def _row(clip: PlayedClip, person: str, top: int) -> str:
    middle = top + ROW / 2
    shown = person if len(person) <= NAME_SHOWN else person[: NAME_SHOWN - 1] + "…"
    parts = [
        f'<line class="axis" x1="{LEFT}" x2="{WIDTH}" y1="{top + ROW}" y2="{top + ROW}"/>'
        f'<text x="{LEFT - 8}" y="{middle + 4}" text-anchor="end">{escape(shown)}</text>'
    ]
    for shot in clip.shots:
        kind = "expected" if person in shot.present else "optional"
        if person in (*shot.present, *shot.optional):
            parts.append(_span(clip, shot, person, kind, top))
    score = clip.score
    parts += [
        f'<circle class="raised" cx="{_x(clip, one.frame):.1f}" cy="{middle}" r="6">'
        f"{_said(one, 'raised')}</circle>"
        for one in (*score.right, *score.optional)
        if one.entry == person
    ]
    parts += [
        f'<path class="wrong" d="{_cross(_x(clip, one.frame), middle)}">'
        f"{_said(one, 'raised wrongly')}</path>"
        for one in score.wrong
        if one.entry == person
    ]
    return "".join(parts)


def _span(clip: PlayedClip, shot: Shot, person: str, kind: str, top: int) -> str:
    x, end = _x(clip, shot.start), _x(clip, shot.end)
    return (
        f'<rect class="{kind}" x="{x:.1f}" y="{top + 5}" width="{max(1.0, end - x):.1f}" '
        f'height="{ROW - 10}"><title>{escape(person)} {kind}, frames {shot.start}-{shot.end}'
        "</title></rect>"
    )


def _said(one: Raised, word: str) -> str:
    return f"<title>{escape(one.entry)} {word}, frame {one.frame}, {one.at_s:.2f} s</title>"


def _cross(x: float, y: float) -> str:
    return f"M{x - 6:.1f} {y - 6:.1f}l12 12m0-12l-12 12"


def _x(clip: PlayedClip, frame: int) -> float:
    return LEFT + (WIDTH - LEFT - 10) * frame / max(1, clip.frames)


def _axis(clip: PlayedClip, height: int) -> str:
    """Frames below; seconds are in the table, since frames need not be evenly spaced."""
    bottom = height - BOTTOM
    ticks = []
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        x, frame = _x(clip, round(clip.frames * share)), round(clip.frames * share)
        anchor = "end" if share == 1.0 else "middle"
        ticks.append(
            f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{bottom + 5}"/>'
            f'<text class="faint" x="{x:.1f}" y="{bottom + 20}" text-anchor="{anchor}">{frame}'
            "</text>"
        )
    return "".join(ticks) + f'<text class="faint" x="8" y="{bottom + 20}">frame</text>'


def _table(found: Figures, number: int) -> str:
    rows = "".join(_table_row(shot) for shot in found.shots if shot.clip == number)
    wrong = "".join(
        f'<li class="missed">{escape(one.entry)} raised wrongly at frame {one.frame}, '
        f"{one.at_s:.2f} s</li>"
        for one in found.wrong
        if one.clip == number
    )
    return (
        '<div class="scroll"><table><thead><tr><th class="n">frames</th><th class="n">seconds</th>'
        '<th>expected</th><th>optional</th><th>raised after</th><th class="n">templates</th></tr>'
        f"</thead><tbody>{rows}</tbody></table></div>{f'<ul>{wrong}</ul>' if wrong else ''}"
    )


def _table_row(shot: ShotFigures) -> str:
    raised = [f"{escape(one.entry)} {one.after_s:.2f} s" for one in shot.raised]
    raised += [f'<span class="missed">{escape(name)} missed</span>' for name in shot.missed]
    return (
        f'<tr><td class="n">{shot.start}-{shot.end}</td>'
        f'<td class="n">{shot.start_s:.2f}-{shot.end_s:.2f}</td>'
        f"<td>{escape(', '.join(shot.expected))}</td><td>{escape(', '.join(shot.optional))}</td>"
        f'<td>{", ".join(raised)}</td><td class="n">{shot.templates}</td></tr>'
    )


def _pictures(number: int, crops: Sequence[Crop]) -> str:
    return "".join(
        '<figure><img width="112" height="112" src="data:image/jpeg;base64,'
        f'{base64.b64encode(crop.jpeg).decode()}" alt="The look kept of '
        f'{escape(crop.entry)}"><figcaption>{escape(crop.entry)}, frame {crop.frame}</figcaption>'
        "</figure>"
        for crop in crops
        if crop.clip == number
    )


def _mark(body: str, word: str) -> str:
    """One entry of the legend: the mark is for the eyes only, the word also for screen readers."""
    return (
        '<span style="white-space:nowrap;margin-right:1.5em"><svg viewBox="0 0 30 20" '
        f'style="width:30px;vertical-align:middle" aria-hidden="true">{body}</svg> {word}</span> '
    )


_LEGEND = "<p>" + "".join(
    (
        _mark('<rect class="expected" x="1" y="3" width="28" height="14"/>', "expected"),
        _mark('<rect class="optional" x="1" y="3" width="28" height="14"/>',
              "there, not asked for"),
        _mark('<circle class="raised" cx="15" cy="10" r="6"/>', "raised"),
        _mark(f'<path class="wrong" d="{_cross(15, 10)}"/>', "raised wrongly"),
    )
) + "</p>"  # fmt: skip
