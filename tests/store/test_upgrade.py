"""Databases of every earlier schema, with rows in all tables that they had, come to this one."""

from pathlib import Path

import pytest

from lfrd.errors import StateError
from lfrd.store import absences, key_care
from lfrd.store.keys import KeyStore, load_master_key
from lfrd.store.migrate import migrate, migrations_folder, read_migrations
from lfrd.store.sqlite import connect
from lfrd.store.state_folder import StateFolder
from support.program import Call, refused
from support.store import opened

KNOWN = read_migrations(migrations_folder())
ROWS = """
INSERT INTO person VALUES ('p1', NULL, 1.0, 'user:a');
INSERT INTO watchlist (id, name, category, purpose, owner, colour, margin, created_at_s,
    confirmed_at_s, confirmed_by, principal)
    VALUES ('w1', 'wanted', 'wanted', 'x', 'x', '#ffffff', 0.0, 1.0, 1.0, 'user:a', 'user:a');
INSERT INTO entry (id, watchlist_id, person_id, reference, category, basis, source, reviewer,
    under_18, under_18_reason, margin, status_checked_at_s, added_at_s, principal)
    VALUES ('e1', 'w1', 'p1', 'ref-1', 'wanted', 'b', 's', 'r', 0, '', 0.0, 1.0, 1.0, 'user:a');
INSERT INTO camera VALUES ('gate', 'Gate', 'rtsp://192.0.2.1/1', '{}', 1, 1.0, 'user:a');
INSERT INTO deployment (id, profile, state, purpose, use_case, place, threshold, detector_digest,
    embedder_digest, created_at_s, ended_at_s, principal)
    VALUES ('d1', 'standard', 'ended', 'x', 'test', 'x', 0.4, 'a', 'b', 1.0, 2.0, 'user:a');
INSERT INTO audit_leaf (at_s, class, principal, action, subjects, salt, commitment, payload,
    leaf_hash) VALUES (1.0, 'alteration', 'user:a', 'watchlist.add', '["w1"]', zeroblob(16),
    zeroblob(32), '{}', zeroblob(32));
INSERT INTO event (kind, subject_id, at_s) VALUES ('watchlist.changed', 'w1', 1.0);
"""


COMMITTED = """
INSERT INTO absence_key VALUES (1, x'01', x'02', 1.0);
INSERT INTO absence_set (id, watchlist_id, deployment_id, key_id, salt, at_s)
    VALUES (1, 'w1', 'd1', 1, zeroblob(16), 1.0), (2, 'w1', NULL, 1, zeroblob(16), 1.0);
INSERT INTO absence_root VALUES (7, 1, zeroblob(8192)), (8, 2, zeroblob(8192)),
    (9, 1, CAST(replace(hex(zeroblob(4096)), '0', 'a') AS BLOB));
"""


def made_by(state: Path, number: int, rows: str = ROWS) -> StateFolder:
    """A state folder whose database an lfrd of this schema made."""
    folder = StateFolder(state)
    with folder:
        master = load_master_key(folder, {})
        with KeyStore(folder, master) as keys:
            key = keys.page_key("lfrd.db")
            database = connect(folder.database_path, key)
            migrate(database, key, KNOWN[:number], 1.0)
            database.script(rows)
            database.execute(
                "INSERT INTO meta VALUES ('installation_id', ?)", (keys.installation_id,)
            )
            database.close()
    return folder


@pytest.mark.parametrize("number", range(1, len(KNOWN)))
async def test_each_earlier_schema_comes_to_this_one(tmp_path: Path, number: int) -> None:
    folder = made_by(tmp_path / "state", number)
    before = folder.database_path.read_bytes()
    master = load_master_key(folder, {})
    (tmp_path / "try").mkdir()
    assert key_care.try_upgrade(folder, master, tmp_path / "try", 2.0) == number
    assert folder.database_path.read_bytes() == before, "a try changes nothing"
    async with opened(tmp_path / "state") as database:
        rows = await database.read(
            lambda r: [r.count(f"SELECT count(*) FROM {t}") for t in ("entry", "camera", "event")]
        )
        assert rows == [1, 1, 1]
        assert await database.read(lambda r: r.count("SELECT max(number) FROM migration")) == len(
            KNOWN
        )
    kept = folder.database_path.with_name(f"lfrd.db.before-{number + 1:04d}")
    copy = connect(kept, master.derive("pages of lfrd.db"), read_only=True)
    assert copy.value("SELECT max(number) FROM migration") == number
    copy.close()


async def test_of_the_roots_of_a_list_the_newest_are_kept(tmp_path: Path) -> None:
    made_by(tmp_path / "state", 26, ROWS + COMMITTED)
    async with opened(tmp_path / "state") as database:
        sets = await database.read(lambda reader: [absences.get(reader, n) for n in (1, 2)])
        assert [(item.leaf, item.roots) for item in sets] == [(9, b"a" * 8192), (8, bytes(8192))]


def test_the_command(tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = made_by(tmp_path / "state", 5)
    file = tmp_path / "lfrd.toml"
    file.write_text(f'[site]\nstate_dir = "{folder.path}"\n')
    monkeypatch.setenv("LFRD_CONFIG", str(file))
    tried = call("upgrade", "--check")
    assert tried.code == 0
    assert f"schema 5 becomes {len(KNOWN)}" in tried.out
    assert {path.name for path in folder.path.iterdir()} >= {"lfrd.db", "keys.db"}
    assert not list(folder.path.glob("upgrade-*"))
    assert f"schema 5 is now {len(KNOWN)}" in call("upgrade").out
    assert "nothing to do" in call("upgrade").out
    connection = connect(
        folder.database_path, load_master_key(folder, {}).derive("pages of lfrd.db")
    )
    connection.execute("INSERT INTO migration VALUES (999, 'newer', 'x', 1.0)")
    connection.close()
    refused(call("upgrade", "--check"), "newer lfrd")


def test_a_file_that_is_none_of_ours_is_refused(tmp_path: Path) -> None:
    folder = made_by(tmp_path / "state", 3)
    folder.database_path.write_bytes(b"x" * 8192)
    with pytest.raises(StateError):
        key_care.upgrade(folder, load_master_key(folder, {}), 1.0)
