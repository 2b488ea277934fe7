"""For all tests: hypothesis does not time them, for a busy machine is no bug; and `--sample`."""

from zlib import crc32

from hypothesis import settings

settings.register_profile("bff", deadline=None)
settings.load_profile("bff")


def pytest_addoption(parser):
    parser.addoption(
        "--sample", type=int, default=1, metavar="N", help="run one test of N, of every kind, always the same ones"
    )


def pytest_collection_modifyitems(config, items):
    share = config.getoption("--sample")
    if share > 1:
        left = [item for item in items if crc32(item.nodeid.encode()) % share]
        items[:] = [item for item in items if not crc32(item.nodeid.encode()) % share]
        config.hook.pytest_deselected(items=left)
