"""The mapped record: an update has happened or it has not."""

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervise.log import progress
from supervise.log.progress import SHRINK, WRITE, Journal, Progress, ProgressFile


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "record")


def test_what_was_put_is_there_for_the_next_process(path: str) -> None:
    file = ProgressFile(path)
    journal = Journal(file, file.take(b"web"))
    journal.put(Progress(inode=7, length=1 << 40, step=WRITE, dropped=True, stamp_ns=1 << 60))
    journal.put(journal.state._replace(step=SHRINK))
    file.close()
    again = ProgressFile(path)
    assert Journal(again, again.take(b"web")).state == journal.state
    again.close()


def test_slots_are_given_back_and_the_file_grows(path: str) -> None:
    file = ProgressFile(path)
    names = [b"service-%d" % number for number in range(500)]
    for number, name in enumerate(names):
        Journal(file, file.take(name)).put(Progress(length=number))
    for name in names[::2]:
        file.free(name)
    size = Path(path).stat().st_size
    journal = Journal(file, file.take(b"new"))
    assert journal.state == Progress()
    file.close()
    again = ProgressFile(path)
    assert set(again.names) == {*names[1::2], b"new"}
    assert [Journal(again, again.take(n)).state.length for n in names[1::2]] == list(
        range(1, 500, 2)
    )
    assert Path(path).stat().st_size == size
    again.close()


@given(data=st.data())
def test_a_torn_update_leaves_the_former_state(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever part of the bytes of an update has reached the map."""
    path = tmp_path_factory.mktemp("torn") / "record"
    file = ProgressFile(str(path))
    journal = Journal(file, file.take(b"web"))
    for number in range(data.draw(st.integers(0, 3))):
        journal.put(journal.state._replace(length=number, step=WRITE, stamp_ns=number << 50))
    before, old = path.read_bytes(), journal.state
    journal.put(journal.state._replace(length=1 << 33, inode=12345, end=99))
    after, new = path.read_bytes(), journal.state
    file.close()
    changed = [at for at in range(len(before)) if before[at] != after[at]]
    random.Random(data.draw(st.integers(0, 1000))).shuffle(changed)
    torn = bytearray(before)
    arrived = changed[: data.draw(st.integers(0, len(changed)))]
    for at in arrived:
        torn[at] = after[at]
    path.write_bytes(torn)
    again = ProgressFile(str(path))
    assert Journal(again, again.take(b"web")).state == (
        new if len(arrived) == len(changed) else old
    )
    again.close()


def test_a_torn_name_is_no_service(path: str) -> None:
    file = ProgressFile(path)
    file.take(b"web")
    file.close()
    content = bytearray(Path(path).read_bytes())
    at = content.index(b"web")
    content[at + 2] = 0
    Path(path).write_bytes(content)
    again = ProgressFile(path)
    assert again.names == {}
    again.close()


@pytest.mark.parametrize("content", [b"", b"csv", b"\xff" * 100_000, b"x" * 64])
def test_a_foreign_file_is_begun_anew(path: str, content: bytes) -> None:
    Path(path).write_bytes(content)
    file = ProgressFile(path)
    assert file.names == {}
    assert Journal(file, file.take(b"web")).state == Progress()
    file.close()


def test_a_slot_holds_all_fields() -> None:
    assert progress._FIELDS.size + progress._CHECKSUM.size <= progress._COPY_BYTES
    assert len(Progress()) == len(progress._FIELDS.unpack(bytes(progress._FIELDS.size)))
