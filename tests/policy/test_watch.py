"""Changes of files are told once, when nobody writes any more."""

import pytest

from bff.policy.parsed import Parsed
from bff.policy.watch import INTERVAL, Watch, state_of

ONE, TWO = (("a.yaml", 1, 1, 1),), (("a.yaml", 2, 1, 1),)


class Files:
    def __init__(self, state):
        self.state = state

    async def look(self):
        return self.state


@pytest.fixture
async def watching(virtual_clock):
    files, told = Files(ONE), []
    watch = Watch(files.look, lambda: told.append(files.state), clock=virtual_clock, known=ONE)
    watch.start()
    yield files, told, virtual_clock
    await watch.close()
    assert not watch.running


async def test_nothing_is_told_while_nothing_changes(watching):
    _, told, clock = watching

    await clock.advance(10)

    assert told == []


async def test_a_change_is_told_once_within_three_looks(watching):
    files, told, clock = watching

    files.state = TWO
    await clock.advance(INTERVAL * 3)
    assert told == [TWO]
    await clock.advance(10)

    assert told == [TWO]


async def test_files_that_are_being_written_are_waited_for(watching):
    files, told, clock = watching

    for number in range(20):
        files.state = (("a.yaml", number, 1, 1),)
        await clock.advance(INTERVAL)
    assert told == []
    await clock.advance(INTERVAL * 2)

    assert told == [files.state]


async def test_a_change_that_is_taken_back_is_none(watching):
    files, told, clock = watching

    files.state = TWO
    await clock.advance(INTERVAL)
    files.state = ONE
    await clock.advance(INTERVAL * 4)

    assert told == []


async def test_whoever_does_not_know_the_files_is_told_of_them(virtual_clock):
    told = []
    watch = Watch(Files(ONE).look, lambda: told.append(1), clock=virtual_clock, known=None)
    watch.start()

    await virtual_clock.advance(INTERVAL * 4)
    await watch.close()

    assert told == [1]


class TestState:
    """What counts as a change."""

    @pytest.fixture
    def folder(self, tmp_path):
        (tmp_path / "upstreams").mkdir()
        (tmp_path / "upstreams/a.yaml").write_text("hosts: []")
        (tmp_path / "operations.yaml").write_text("deadline: 1s")
        return tmp_path

    def test_new_removed_and_rewritten_files_count(self, folder):
        states = [state_of(folder)]
        (folder / "upstreams/b.yaml").write_text("x")
        states.append(state_of(folder))
        (folder / "operations.yaml").write_text("deadline: 2s ")
        states.append(state_of(folder))
        (folder / "upstreams/a.yaml").unlink()
        states.append(state_of(folder))

        assert len(set(states)) == 4

    def test_hidden_files_schemas_and_backups_of_editors_do_not(self, folder):
        before = state_of(folder)
        (folder / ".operations.yaml.swp").write_text("x")
        (folder / "schema").mkdir()
        (folder / "schema/auth.json").write_text("{}")

        assert state_of(folder) == before

    def test_a_folder_of_links_that_is_replaced_at_once_counts(self, tmp_path):
        """So Kubernetes updates a ConfigMap: the link `..data` is renamed, the files are links through it."""
        for version in ("1", "2"):
            (tmp_path / f"..{version}").mkdir()
            (tmp_path / f"..{version}" / "operations.yaml").write_text(f"deadline: {version}s")
        (tmp_path / "..data").symlink_to("..1")
        (tmp_path / "operations.yaml").symlink_to("..data/operations.yaml")
        before = state_of(tmp_path)

        (tmp_path / "..new").symlink_to("..2")
        (tmp_path / "..new").replace(tmp_path / "..data")

        assert len(before) == 1
        assert state_of(tmp_path) != before

    def test_a_folder_that_is_gone_has_no_files(self, tmp_path):
        assert state_of(tmp_path / "nowhere") == state_of(None) == ()


class TestParsed:
    """A file that has not changed is not parsed again."""

    def test_equal_content_has_the_same_meaning(self):
        first = Parsed()
        document, _ = first.parse("a", b"x: 1")
        digest = first.close()

        again = Parsed(first)

        assert again.parse("a", b"x: 1")[0] is document
        assert again.close() == digest
        assert Parsed(first).parse("a", b"x: 2")[0] != document

    def test_a_file_that_is_gone_changes_the_digest(self):
        both, one = Parsed(), Parsed()
        both.parse("a", b"x: 1")
        both.parse("b", b"")
        one.parse("a", b"x: 1")

        assert both.close() != one.close()
