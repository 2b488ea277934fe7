"""The table in the README is whole, and every proof that it names exists."""

import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
ROW = re.compile(r"^\| (\d+) \| (.+?) \| (.+?) \| (.+) \|$", re.MULTILINE)
PROOF = re.compile(r"`([\w/]+\.py)::(\w+)`")
ROWS = ROW.findall((HERE / "README.md").read_text(encoding="utf-8"))


def test_the_table_has_all_38_faults_in_order():
    assert [int(number) for number, *_ in ROWS] == list(range(1, 39))


@pytest.mark.parametrize(("number", "proofs"), [(number, proofs) for number, _, _, proofs in ROWS])
def test_every_fault_is_proven_and_every_proof_exists(number, proofs):
    named = PROOF.findall(proofs)
    assert named, f"fault {number} is not proven"
    for file, test in named:
        path = HERE / file if "/" not in file else ROOT / "tests" / file
        assert re.search(rf"^ *(async )?def {test}\(", path.read_text(encoding="utf-8"), re.MULTILINE), (
            file,
            test,
        )
