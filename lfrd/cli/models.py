"""`lfrd models list | info | install`."""

import argparse
import json
from dataclasses import asdict

from lfrd.cli.terminal import say
from lfrd.config import Config
from lfrd.vision import packs
from lfrd.vision.packs import ModelFile, Pack


def run(options: argparse.Namespace, config: Config) -> None:
    """Carry out one action and print what it found."""
    cache_dir = config.models.cache_dir or packs.default_cache_dir()
    if options.action == "list":
        found = packs.list_packs(cache_dir)
        _print(options, [_brief(pack) for pack in found], "\n".join(_row(pack) for pack in found))
    elif options.action == "info":
        pack = packs.info(options.name, cache_dir)
        _print(options, _card(pack), _card_text(pack))
    else:
        pack = packs.install(
            options.source, cache_dir, accept_licence=options.accept_licence, name=options.name
        )
        _print(options, _brief(pack), f"installed:\n{_row(pack)}")


def _print(options: argparse.Namespace, values: object, text: str) -> None:
    say(json.dumps(values, indent=2) if options.json else text)


def _brief(pack: Pack) -> dict[str, str | int]:
    return {
        "name": pack.name,
        "detector": pack.detector.file,
        "recogniser": pack.recogniser.file,
        "dim": pack.recogniser.dim,
        "model_digest": pack.model_digest,
    }


def _row(pack: Pack) -> str:
    return (
        f"{pack.name:20} {pack.recogniser.dim:4}-d  {pack.detector.file} + "
        f"{pack.recogniser.file}  {pack.model_digest[:12]}"
    )


def _card(pack: Pack) -> dict[str, object]:
    return {**asdict(pack.manifest), "model_digest": pack.model_digest}


def _card_text(pack: Pack) -> str:
    lines = [f"Model pack {pack.name}", f"  model digest  {pack.model_digest}"]
    for title, model in (("Detector", pack.detector), ("Recogniser", pack.recogniser)):
        lines += ["", f"{title}: {model.file}", *_model_lines(model)]
    lines += ["", *(f"Note: {note}" for note in pack.manifest.notes)]
    return "\n".join(lines)


def _model_lines(model: ModelFile) -> list[str]:
    return [
        f"  source   {model.source}",
        f"  sha256   {model.source_sha256}",
        f"  licence  {model.licence}",
        f"  input    {model.colour}, (pixel - {model.mean:g}) / {model.std:g}",
    ]
