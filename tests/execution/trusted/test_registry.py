"""What several clients have registered, found by id or hash."""

import pytest

from bff.execution.trusted.compare import Comparison, Entry, compare
from bff.execution.trusted.manifest import Manifest, Registered, write
from bff.execution.trusted.registry import Registry, hash_of, load
from bff.policy.problem import PolicyError

HOME = Registered("h", "query Home { name }", "Home", "query")
SEARCH = Registered("s", "query Search { other }", "Search", "query")


def manifest(*documents, client="web", version=""):
    return Manifest(f"{client}{version}.json", documents, client, version)


def test_the_same_document_of_two_clients_is_one():
    registry = Registry([manifest(HOME, SEARCH), manifest(HOME, client="ios")])

    assert len(registry) == 2
    assert [one.name for one, _ in registry.texts()] == ["Home", "Search"]
    assert registry.find("h") == registry.find(hash_of(HOME.text))
    assert registry.find("nobody") is None


def test_names_of_operations_come_from_manifests_or_texts():
    """Without parsing: what a text only seems to name does no harm."""
    unnamed = Registered("u", "query First { name } mutation Second { other }")

    assert Registry([manifest(HOME, unnamed)]).names() == {"Home", "First", "Second"}


def test_one_id_cannot_mean_two_texts():
    """A request does not say whose id it sends."""
    other = Registered("h", "query Home { other }", line=7)

    with pytest.raises(PolicyError, match=r"ios\.json:7:1: id 'h' already means another text"):
        Registry([manifest(HOME), manifest(other, client="ios")])


def test_a_folder_of_files(tmp_path):
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "web.json").write_text(write(manifest(HOME)), "utf-8")
    (folder / "ios@1.2.json").write_text(write(manifest(SEARCH, client="ios", version="1.2")), "utf-8")
    (folder / "README.md").write_text("nothing", "utf-8")

    registry = load(tmp_path)

    assert [one.owner for one in registry.manifests] == ["ios@1.2", "web"]
    assert len(load(tmp_path / "elsewhere")) == 0


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        ((HOME, SEARCH), Comparison((), (), ())),
        ((HOME,), Comparison((), (Entry("s", "Search", ("web",)),), ())),
        ((HOME, SEARCH, Registered("n", "{ new }")), Comparison((Entry("n", "", ()),), (), ())),
        (
            (HOME, Registered("s2", "query Search { other name }", "Search")),
            Comparison((), (), (Entry("s2", "Search", ("web",)),)),
        ),
        ((HOME, Registered("s", "{ changed }")), Comparison((), (), (Entry("s", "", ("web",)),))),
        ((HOME, Registered("other-id", SEARCH.text)), Comparison((), (), ())),
    ],
    ids=["the same", "removed", "added", "changed by name", "changed by id", "another id for the same text"],
)
def test_comparing(new, expected):
    assert compare([manifest(HOME, SEARCH)], manifest(*new, client="")) == expected


def test_whose_it_was_names_all_clients():
    old = [manifest(HOME), manifest(HOME, client="ios", version="1.2")]

    assert compare(old, manifest(client="")).removed == (Entry("h", "Home", ("web", "ios@1.2")),)
