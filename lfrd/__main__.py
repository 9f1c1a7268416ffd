"""The command line: parses, calls, turns errors into exit codes; nothing else.

Exit codes: 0 done, 1 the machine failed or the check did, 2 the user can mend it, 130 interrupted;
`health` has its own.

What a command does is imported when it is called: to parse, to print help or the version takes
nothing but the options' words (`tests/test_imports.py`).
"""

import argparse
import errno
import gc
import io
import os
import sys
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lfrd import __version__
from lfrd.cli.actions import asks_daemon
from lfrd.cli.audit_options import add_audit, add_authority, add_witness
from lfrd.cli.backup_options import add_backup, add_restore, add_service
from lfrd.cli.camera_secrets import add_password_file
from lfrd.cli.command_parser import CommandParser
from lfrd.cli.desk_options import add_desk
from lfrd.cli.door_options import add_api, add_events, add_health, add_me
from lfrd.cli.evaluate_options import add_evaluate
from lfrd.cli.options import (
    add_alert,
    add_calibrate,
    add_clients,
    add_lists,
    add_model_change,
    add_token,
    add_yes,
)
from lfrd.cli.outbox_options import add_outbox
from lfrd.cli.picture_options import add_picture, picture_of
from lfrd.cli.public_options import add_public
from lfrd.cli.reach import begin_client, socket_of
from lfrd.cli.terminal import flush, say, warn
from lfrd.errors import Failure, OutputClosed, UserError, each_of
from lfrd.text import without_secrets

if TYPE_CHECKING:
    from lfrd.config import Config

SHELLS = ("bash", "zsh", "fish")
MENDABLE, FAILED, INTERRUPTED = 2, 1, 130

NO_ROOM = (
    "the system gives this process no more memory or threads: raise its limits (`ulimit -v`, "
    "`ulimit -u`; MemoryMax=, LimitAS= and TasksMax= of the service), or give it fewer cameras"
)

ROOM = "free space, or inodes (`df -i`)"
MORE_FILES = "allow more open files (`ulimit -n`; LimitNOFILE= of the service)"
USED_UP = {
    errno.ENOSPC: ROOM, errno.EDQUOT: ROOM, errno.EROFS: "mount it for writing again",
    errno.EMFILE: MORE_FILES, errno.ENFILE: MORE_FILES,
}  # fmt: skip

UNUSABLE_PATH = {errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.ELOOP}
"""What already asking whether there is such a file may raise."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    try:
        code = _call(_parsed(arguments))
    except OutputClosed:  # no reader to tell
        code = FAILED
    except Exception:
        if _threads_at_work():  # waiting for them would hold the traceback back without end
            sys.excepthook(*sys.exc_info())
            _leave_threads(FAILED)
        raise
    finally:
        gc.enable()
    _leave_threads(code)
    return code


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    try:
        return parser().parse(arguments)
    except SystemExit:  # help, the version or a mistake was printed
        flush()
        raise


def _threads_at_work() -> list[str]:
    reader = sys.modules.get("lfrd.ingest.camera")
    readers = () if reader is None else reader.readers_at_work()
    work = sys.modules.get("lfrd.work_threads")
    return [*readers, *(() if work is None else work.threads_at_work())]


def _leave_threads(code: int) -> None:
    """What cannot be stopped: a reader inside FFmpeg, a name that is looked up, a model that is
    measured. All else is closed by now."""
    if not (at_work := _threads_at_work()):
        return
    import logging

    logging.getLogger(__name__).warning("leaving although %s did not return", ", ".join(at_work))
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _call(options: argparse.Namespace) -> int:
    if isinstance(sys.stdout, io.TextIOWrapper):  # a name may hold what this terminal has not
        sys.stdout.reconfigure(errors="backslashreplace")
    for library in ("OPENBLAS", "OMP", "MKL"):  # read when numpy loads; our threads fill the cores
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    # httpx brings its own command line along where click and rich happen to be installed, and does
    # without where it cannot be had: a tenth of the time of `lfrd camera list`.
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
    from lfrd.process import harden

    harden()  # any command may see a face
    if getattr(options, "asks_daemon", False):
        begin_client()
    try:
        code: int = options.call(options) or 0
    except OutputClosed:
        raise
    except UserError as error:
        return _say(f"lfrd: {error}", MENDABLE)
    except Failure as error:
        return _say(f"lfrd: {error}", FAILED)
    except BaseExceptionGroup as group:
        return _first_of(group)
    except KeyboardInterrupt:
        return INTERRUPTED
    except (MemoryError, RuntimeError, OSError) as error:
        if (said := _used_up(error)) is not None:
            return _say(f"lfrd: {said}", FAILED)
        if (
            not isinstance(error, OSError)
            or error.errno not in UNUSABLE_PATH
            or error.filename is None
        ):
            raise
        return _say(f"lfrd: {error.filename}: {error.strerror}", MENDABLE)
    return code


def _first_of(group: BaseExceptionGroup[BaseException]) -> int:
    """A part of the daemon failed: say which error was the first of ours, else fail loudly."""
    for error in each_of(group):
        if isinstance(error, OutputClosed):
            raise error from None
    for kind, code in ((UserError, MENDABLE), (Failure, FAILED)):
        found = next((error for error in each_of(group) if isinstance(error, kind)), None)
        if found is not None:
            return _say(f"lfrd: {found}", code)
    for error in each_of(group):
        if (said := _used_up(error)) is not None:
            return _say(f"lfrd: {said}", FAILED)
    raise group


def _used_up(error: BaseException) -> str | None:
    """What is said where the system has no memory or thread left, or no room for a file."""
    if isinstance(error, MemoryError) or "can't start new thread" in str(error):
        return NO_ROOM
    if not isinstance(error, OSError) or error.errno not in USED_UP:
        return None
    where = "" if error.filename is None else f"{error.filename}: "
    return f"{where}{error.strerror}: {USED_UP[error.errno]}"


def _say(text: str, code: int) -> int:
    warn(without_secrets(text))
    return code


def _loaded(options: argparse.Namespace) -> "Config":
    return _configured(options, None, for_people=False)


def _quietly(options: argparse.Namespace) -> "Config":
    """For commands that print for people: the log shows warnings only."""
    return _configured(options, "WARNING", for_people=True)


def _configured(options: argparse.Namespace, level: str | None, *, for_people: bool) -> "Config":
    import logging

    from lfrd import config
    from lfrd.log_lines import handler_of

    loaded = config.load(options.config)
    handler = handler_of("text" if for_people else loaded.log.format, limited=not for_people)
    level = "DEBUG" if options.verbose else level or loaded.log.level.upper()
    logging.basicConfig(level=level, handlers=[handler])
    return loaded


def _socket(options: argparse.Namespace) -> Path:
    """Where the daemon is asked."""
    loaded = _quietly(options)
    return socket_of(options, loaded)


def _run_async(work: Coroutine[Any, Any, int | None]) -> int:
    import asyncio

    from lfrd.work_threads import WorkThreads

    with asyncio.Runner() as runner:
        runner.get_loop().set_default_executor(WorkThreads())
        return runner.run(work) or 0


def _ask(work: Coroutine[Any, Any, int | None]) -> int:
    """For a client of the daemon."""
    from lfrd.cli.mistakes import mistakes_said

    gc.enable()
    with mistakes_said():
        return _run_async(work)


def _room_for_models() -> None:
    from lfrd.process import check_memory

    check_memory()


def _end_at_once(_number: int, _frame: object) -> None:
    raise SystemExit(0)


def _run(options: argparse.Namespace) -> int:
    import signal

    # Until the daemon minds it: the first process of a container would not be ended by it.
    signal.signal(signal.SIGTERM, _end_at_once)
    _room_for_models()
    loaded = _loaded(options)
    from lfrd import config
    from lfrd.daemon import serve

    return _run_async(serve(loaded, lambda: config.load(options.config), new=options.new))


def _check_config(options: argparse.Namespace) -> None:
    from lfrd import config
    from lfrd.cli.policy import site_policy

    file = options.file or options.config
    if file is None:
        raise UserError("name the configuration file to check")
    loaded = config.load(file)
    site_policy(loaded)
    config.check_secrets(loaded)
    say(f"{file} is fine")


def _try(options: argparse.Namespace) -> int:
    _room_for_models()
    loaded = _quietly(options)
    from lfrd.cli import try_

    wanted = try_.Trial(
        try_.source_of(options.source, options.password_file),
        options.watchlist,
        every_frame=options.every_frame,
        detect_hz=options.detect_hz,
        seconds=options.seconds,
        skip_bad=options.skip_bad,
        picture=picture_of(options),
    )
    return _run_async(try_.run(wanted, loaded, as_lines=options.json))


def _bench(options: argparse.Namespace) -> int:
    _room_for_models()
    loaded = _quietly(options)
    from lfrd.cli import bench

    wanted = bench.Wanted(options.clip, options.size, options.fps, options.seconds)
    return _run_async(bench.run(wanted, loaded, as_json=options.json))


def _demo(options: argparse.Namespace) -> int:
    _room_for_models()
    loaded = _quietly(options)
    from lfrd.cli import demo

    return _run_async(demo.run(loaded, headless=options.headless, seconds=options.seconds))


def _policy(options: argparse.Namespace) -> int:
    if options.action == "show" and options.running:
        from lfrd.cli import health

        return _ask(health.policy(options, _socket(options)))
    loaded = _quietly(options)
    from lfrd.cli import policy

    policy.run(options, loaded)
    return 0


def _clock(options: argparse.Namespace) -> int:
    loaded = _quietly(options)
    from lfrd.cli import clock

    return _run_async(clock.run(options, loaded))


def _key(options: argparse.Namespace) -> int:
    loaded = _quietly(options)
    from lfrd.cli import key

    return _run_async(key.run(options, loaded))


def _backup(options: argparse.Namespace) -> int:
    loaded = _quietly(options)
    from lfrd.cli import backup

    return backup.make_archive(options, loaded)


def _restore(options: argparse.Namespace) -> int:
    loaded = _quietly(options)
    from lfrd.cli import backup

    return _run_async(backup.restore(options, loaded))


def _service(options: argparse.Namespace) -> int:
    from lfrd.cli import service

    return service.run(options)


def _upgrade(options: argparse.Namespace) -> int:
    loaded = _quietly(options)
    from lfrd.cli import upgrade

    return upgrade.run(options, loaded)


def _doctor(options: argparse.Namespace) -> int:
    loaded = _quietly(options)
    from lfrd.cli import doctor

    return _run_async(doctor.doctor(options, loaded))


def _support_bundle(options: argparse.Namespace) -> int:
    loaded = _quietly(options)
    from lfrd.cli import doctor

    return _run_async(doctor.support_bundle(options, loaded))


def _models(options: argparse.Namespace) -> None:
    loaded = _quietly(options)
    from lfrd.cli import models

    models.run(options, loaded)


def _calibrate(options: argparse.Namespace) -> int:
    loaded = _quietly(options)
    from lfrd.cli import calibrate

    wanted = calibrate.Calibration(
        options.folder, options.pack, options.errata, options.seed, options.out, options.json
    )
    return _run_async(calibrate.run(wanted, loaded))


def _lists(options: argparse.Namespace) -> int:
    from lfrd.cli import lists

    return _ask(lists.run(options, _socket(options)))


def _evaluate(options: argparse.Namespace) -> int:
    loaded = _quietly(options)
    from lfrd.cli.evaluate_options import clips_of, folder_of, means_clips

    if means_clips(options):
        wanted = clips_of(options)
        from lfrd.cli import evaluate_clips

        return _run_async(evaluate_clips.run(wanted, loaded))
    options.folder = folder_of(options)
    from lfrd.cli import evaluate

    return _run_async(evaluate.run(options, loaded))


def _remote(options: argparse.Namespace) -> int:
    from lfrd.cli import remote

    return _ask(remote.run(options, _socket(options)))


def _alert(options: argparse.Namespace) -> int:
    from lfrd.cli import alert

    return _ask(alert.run(options, _socket(options)))


def _health(options: argparse.Namespace) -> int:
    from lfrd.cli import health

    return _ask(health.health(options, _socket(options)))


def _reload(options: argparse.Namespace) -> int:
    from lfrd.cli import health

    return _ask(health.reload(options, _socket(options)))


def _me(options: argparse.Namespace) -> int:
    from lfrd.cli import health

    return _ask(health.me(options, _socket(options)))


def _events(options: argparse.Namespace) -> int:
    from lfrd.cli import events

    return _ask(events.run(options, _socket(options)))


def _api(options: argparse.Namespace) -> int:
    from lfrd.cli import request

    return _ask(request.run(options, _socket(options)))


def _token(options: argparse.Namespace) -> int:
    from lfrd.cli import token

    return _ask(token.run(options, _socket(options)))


def _authority(options: argparse.Namespace) -> int:
    from lfrd.cli import authority

    return authority.run(options)


def _outbox(options: argparse.Namespace) -> int:
    if options.action == "secret":
        import base64
        import secrets

        say(f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}")
        return 0
    from lfrd.cli import outbox

    return _ask(outbox.run(options, _socket(options)))


def _audit(options: argparse.Namespace) -> int:
    from lfrd.cli import audit

    if options.action == "verify":
        return audit.verify(options)
    if options.action == "renew-key":
        loaded = _quietly(options)
        from lfrd.cli import key

        return _run_async(key.renew_audit_key(options, loaded))
    return _ask(audit.run(options, _socket(options)))


def _witness(options: argparse.Namespace) -> int:
    from lfrd.api.witness import serve
    from lfrd.audit.cosigner import Cosigner
    from lfrd.audit.verify import BadLog, keys_given

    try:
        with Cosigner(options.folder, options.name, keys_given(options.log)) as cosigner:
            return _run_async(serve(cosigner, options.listen, say))
    except BadLog as error:
        raise UserError(str(error)) from None


def _completion(options: argparse.Namespace) -> None:
    from lfrd.cli import manual

    say(manual.complete(parser(), options.shell).rstrip("\n"))


def _man(options: argparse.Namespace) -> None:
    from lfrd.cli import manual

    manual.write(parser(), options)


def _tui(options: argparse.Namespace) -> int:
    from tui.terminal import require_terminal

    require_terminal()
    begin_client()  # garbage is looked for again when the screen is there
    from lfrd.cli import desk

    loaded = _quietly(options)
    elsewhere = options.url or options.ssh
    socket = loaded.socket_path if elsewhere else socket_of(options, loaded)
    return desk.run(options, loaded.terminal, socket)


def parser() -> CommandParser:
    """The whole command line."""
    top = CommandParser(
        prog="lfrd", description="Live facial recognition with the safeguards in the machine."
    )
    top.add_argument("--version", action="version", version=f"lfrd {__version__}")
    default = os.environ.get("LFRD_CONFIG")
    top.set_defaults(config=Path(default) if default else None, verbose=False)
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    _add_daemon(commands)
    _add_lab(commands)
    _add_models(commands)
    _add_rules(commands)
    text = "Write everything into one archive, also beside a running daemon."
    add_backup(_add(commands, "backup", _backup, text))
    add_service(_add(commands, "service", _service, "This program as a systemd service."))
    text = "Bring the database to the schema of this program; no daemon runs."
    upgrade = _add(commands, "upgrade", _upgrade, text)
    upgrade.add_argument(
        "--check", action="store_true", help="try it on a copy, also while a daemon runs"
    )
    text = "Look over machine and site: what is wrong, and what mends it. Exit code 1 on a failure."
    doctor = _add(commands, "doctor", _doctor, text)
    doctor.add_argument("--json", action="store_true", help="print JSON")
    text = "Write what helps others to help: no face, no name, no secret."
    bundle = _add(commands, "support-bundle", _support_bundle, text)
    bundle.add_argument("file", type=Path, metavar="FILE.tar.gz")
    add_restore(_add(commands, "restore", _restore, "Bring a site back from an archive."))
    _add_clients(commands)
    return top


def _add(
    commands: Any, name: str, call: Any, text: str, *, epilog: str | None = None
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=text, description=text, epilog=epilog
    )
    parser.set_defaults(call=call)
    return parser


def _add_daemon(commands: Any) -> None:
    run = _add(commands, "run", _run, "Run the daemon until SIGTERM.")
    run.add_argument(
        "--new", action="store_true",
        help="begin with nothing although there are keys, whose lfrd.db is gone",
    )  # fmt: skip
    text = "Name every mistake in a configuration file."
    check = _add(commands, "check-config", _check_config, text)
    check.add_argument("file", type=Path, nargs="?", help="(default: as --config)")
    add_desk(_add(commands, "tui", _tui, "Open the operator's terminal."))
    text = "Print what completes commands in a shell: lfrd completion bash > FILE."
    _add(commands, "completion", _completion, text).add_argument("shell", choices=SHELLS)
    man = _add(commands, "man", _man, "Print the man page of the program or of a command.")
    man.add_argument("command", nargs="?", metavar="COMMAND")
    man.add_argument("--all", type=Path, metavar="DIR", help="write every page into this folder")


def _add_lab(commands: Any) -> None:
    trial = _add(commands, "try", _try, "Watch a camera or video file for people in a folder.")
    trial.add_argument(
        "source", help="rtsp(s)://user@host/path, or a video file; - asks on standard input"
    )
    add_password_file(trial)
    trial.add_argument(
        "--watchlist", type=Path, required=True, metavar="DIR",
        help="reference photos: the file's name, or a folder's name for several, is the reference",
    )  # fmt: skip
    speed = trial.add_mutually_exclusive_group()
    speed.add_argument(
        "--every-frame", action="store_true", help="search every frame, as fast as possible"
    )
    speed.add_argument(
        "--detect-hz", type=_rate, metavar="X",
        help="as fast as possible with X searched frames per second of video",
    )  # fmt: skip
    trial.add_argument("--seconds", type=_rate, help="stop after so long")
    add_picture(trial)
    trial.add_argument(
        "--skip-bad", action="store_true", help="go on without photos that cannot be used"
    )
    trial.add_argument("--json", action="store_true", help="print one JSON object a line")
    bench = _add(commands, "bench", _bench, "Measure how many cameras this machine holds.")
    bench.add_argument(
        "clip", type=Path, nargs="?",
        help="a video file such as your cameras send (default: one that is made, 1080p at 25)",
    )  # fmt: skip
    bench.add_argument("--size", help="of a camera's picture: 1080p, 720p, … or 1920x1080")
    bench.add_argument("--fps", type=_fps, help="pictures a second that a camera sends")
    bench.add_argument(
        "--seconds", type=_bench_seconds, default=40.0, help="measure for so long (10 to 600)"
    )
    bench.add_argument("--json", action="store_true", help="print JSON")
    demo = _add(commands, "demo", _demo, "Show the whole daemon on a stream of its own.")
    demo.add_argument("--headless", action="store_true", help="no terminal UI: JSON lines")
    demo.add_argument("--seconds", type=_rate, default=None, help="stop after so long")


def _add_rules(commands: Any) -> None:
    policy = _add(commands, "policy", _policy, "Show and check the rules in force.")
    actions = policy.add_subparsers(dest="action", required=True, metavar="ACTION")
    show = actions.add_parser("show", help="the rules of this site, or of a profile")
    show.add_argument("name", nargs="?", help="a profile (default: this site's)")
    show.add_argument("--running", action="store_true", help="those that the running daemon has")
    asks_daemon(show)
    check = actions.add_parser("check", help="name every wrong key of a profile or configuration")
    check.add_argument("file", type=Path)
    clock = _add(commands, "clock", _clock, "Mend the time after a wrong clock; no daemon runs.")
    actions = clock.add_subparsers(dest="action", required=True, metavar="ACTION")
    accept = actions.add_parser("accept", help="from here on the machine's clock counts")
    accept.add_argument("--reason", required=True, help="why it is right now")
    key = _add(commands, "key", _key, "Change and keep the keys; while no daemon runs.")
    actions = key.add_subparsers(dest="action", required=True, metavar="ACTION")
    rotate = actions.add_parser("rotate", help="put everything under a new master key")
    rotate.add_argument("--new-key", type=Path, help="32 bytes (default: made, in master.key)")
    escrow = actions.add_parser("escrow", help="overwrite the copy of keys.db")
    escrow.add_argument("file", type=Path, nargs="?", help="(default: keys.escrow)")
    recipient = actions.add_parser(
        "recipient", help="make the pair for backups: the private key into FILE, the public printed"
    )
    recipient.add_argument("file", type=Path)
    abandon = actions.add_parser(
        "abandon", help="keys.db is lost: go on with the records, and give up every face"
    )
    add_yes(abandon)
    for action in (rotate, escrow, abandon):
        action.add_argument("--key", type=Path, help="the master key (default: as the daemon)")


def _add_models(commands: Any) -> None:
    models = _add(commands, "models", _models, "List, inspect, install, measure model packs.")
    actions = models.add_subparsers(dest="action", required=True, metavar="ACTION")
    listed = actions.add_parser("list", help="the packs that are here")
    info = actions.add_parser("info", help="a pack's model card")
    info.add_argument("name")
    install = actions.add_parser("install", help="an insightface pack: a folder, or a name")
    install.add_argument("source")
    install.add_argument("--name", help="what to call it here")
    install.add_argument(
        "--accept-licence", action="store_true", help="you have read the licence and accept it"
    )
    add_model_change(actions)
    for name in ("prepare", "progress", "switch"):
        actions.choices[name].set_defaults(call=_lists)
    calibrate = actions.add_parser(
        "calibrate", help="measure the false match curve on a folder of people"
    )
    add_calibrate(calibrate)
    calibrate.set_defaults(call=_calibrate)
    for action in (listed, info, install, calibrate):
        action.add_argument("--json", action="store_true", help="print JSON")


def _add_clients(commands: Any) -> None:
    for added in (add_clients, add_public):
        added(lambda name, text: _add(commands, name, _remote, text))

    health = "Say how the site is. Exit code: 0 ok, 1 degraded, 2 failed or no answer."
    add_health(_add(commands, "health", _health, health))
    text = "Have the daemon read its configuration anew; what needs a restart is named."
    asks_daemon(_add(commands, "reload", _reload, text))
    add_me(_add(commands, "me", _me, "Say who the daemon takes you for."))
    add_events(_add(commands, "events", _events, "Print what changed, and what changes."))
    add_api(_add(commands, "api", _api, "Call any route of the API."))
    add_alert(_add(commands, "alert", _alert, "List, show and settle alerts."))
    add_authority(_add(commands, "authority", _authority, "Authorise a deployment from outside."))
    add_audit(_add(commands, "audit", _audit, "Read, prove, export and check the log."))
    witness = "Countersign the logs of other machines (c2sp.org/tlog-witness), until SIGTERM."
    add_witness(_add(commands, "witness", _witness, witness))
    add_token(_add(commands, "token", _token, "Personal tokens for shared logins."))
    text = "Messages to other systems: webhooks, MQTT, ntfy, e-mail."
    add_outbox(_add(commands, "outbox", _outbox, text))

    add_lists(lambda name, text: _add(commands, name, _lists, text))
    measure = "Measure accuracy on a folder of people, or on labelled clips of your own doorway."
    add_evaluate(_add(commands, "evaluate", _evaluate, measure))


def _rate(text: str) -> float:
    value = float(text)
    if not 0 < value <= 86_400:
        raise argparse.ArgumentTypeError("must be a number above 0")
    return value


def _fps(text: str) -> float:
    value = float(text)
    if not 1 <= value <= 120:
        raise argparse.ArgumentTypeError("must be 1 to 120")
    return value


def _bench_seconds(text: str) -> float:
    value = float(text)
    if not 10 <= value <= 600:
        raise argparse.ArgumentTypeError("must be 10 to 600")
    return value


if __name__ == "__main__":
    sys.exit(main())
