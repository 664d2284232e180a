"""What stands at the path of an output: new and existing files, links, devices, FIFOs, folders."""

from __future__ import annotations

import importlib.util
import os
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.errors import AccelsimError
from accelsim.files import appended, check_output_file, removed, replaced
from accelsim.store import Store
from accelsim.trace import Approximation, LayerShape, Scheme, TraceWriter, open_trace
from accelsim.visible_text import visible
from tests.files.own_devices import in_a_thread, is_device, make_device

NEW = b"new content\n"

Writer = Callable[[Path], None]


def write_new(path: Path, regular_only: bool = False) -> None:
    with replaced(path, regular_only=regular_only) as temporary:
        assert temporary.suffix == path.suffix
        temporary.write_bytes(NEW)


def write_trace(path: Path) -> None:
    shape = LayerShape(kind="conv", c_in=1, c_out=8, kernel=(1, 1), h_in=2, w_in=2)
    with TraceWriter(path, network="n", dataset="d", image_ids=[0], overwrite=True) as writer:
        writer.add_layer("a", shape, Approximation(1, 1, 0))
        writer.add_scheme(Scheme.nm(keep=1, of=8))
        writer.write("nm-1of8", "a", np.eye(8, dtype=bool)[None, :4])


class Reader(threading.Thread):
    """Reads a FIFO to its end. It is open for reading before the test goes on, so that a writer finds it."""

    def __init__(self, path: Path) -> None:
        super().__init__(daemon=True)
        self.content = b""
        self._descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        # A reader that does not block and has no writer yet sees an end; the writer of the test comes later.
        os.set_blocking(self._descriptor, True)

    def run(self) -> None:
        with os.fdopen(self._descriptor, "rb") as file:
            self.content = file.read()


def refusal(work: Callable[[], None]) -> str:
    """The one line with which `work` is refused, soon."""
    with pytest.raises(AccelsimError) as caught:
        in_a_thread(work)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@given(
    links=st.integers(0, 4),
    name=st.sampled_from(
        ["table.csv", "plain", ".hidden", "a.b.json", "a.", "\N{SNOWMAN}.md", "x" * 251 + ".csv"]
    ),
    relative=st.booleans(),
    before=st.none() | st.binary(max_size=20),
    mode=st.sampled_from([0o600, 0o640, 0o664, 0o444, 0o755]),
    regular_only=st.booleans(),
    fails=st.booleans(),
)
@settings(deadline=None, max_examples=60)
def test_files_and_chains_of_links(
    tmp_path_factory: pytest.TempPathFactory,
    links: int,
    name: str,
    relative: bool,
    before: bytes | None,
    mode: int,
    regular_only: bool,
    fails: bool,
) -> None:
    """Whatever leads to it, only the file at the end of the chain changes, and only if the block succeeds."""
    folder = tmp_path_factory.mktemp("chain")
    (folder / "data").mkdir()
    (folder / "links").mkdir()
    end = folder / "data" / name
    if before is not None:
        end.write_bytes(before)
        end.chmod(mode)
    path, chain = end, []
    for number in range(links):
        link = folder / "links" / f"{number}{name[1:]}"
        link.symlink_to(os.path.relpath(path, link.parent) if relative else path)
        chain.append((link, link.readlink()))
        path = link
    umask = os.umask(0)
    os.umask(umask)
    if fails:
        with pytest.raises(RuntimeError), replaced(path, regular_only=regular_only) as temporary:
            temporary.write_bytes(NEW)
            raise RuntimeError
        assert (end.read_bytes() if end.exists() else None) == before
    else:
        write_new(path, regular_only)
        assert end.read_bytes() == NEW
        assert stat.S_IMODE(end.lstat().st_mode) == (mode if before is not None else 0o666 & ~umask)
    assert all(link.readlink() == target for link, target in chain)
    assert len(list((folder / "links").iterdir())) == links
    assert set((folder / "data").iterdir()) <= {end}


def test_a_reader_sees_the_old_file_or_the_new_one_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("old")
    (tmp_path / "link").symlink_to("old")
    inode = (tmp_path / "old").stat().st_ino
    with (tmp_path / "link").open() as reader:
        write_new(tmp_path / "link")
        assert reader.read() == "old"
    assert (tmp_path / "old").stat().st_ino != inode


def test_the_owner_of_an_existing_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    try:
        os.chown(path, 12345, 23456)
    except PermissionError:
        pytest.skip("owners can be changed by root only")
    write_new(path)
    assert (path.stat().st_uid, path.stat().st_gid) == (12345, 23456)


@pytest.mark.parametrize("links", [0, 1, 2])
def test_a_device_is_written_through(tmp_path: Path, links: int) -> None:
    make_device(tmp_path / "device")
    path = tmp_path / "device"
    for number in range(links):
        (tmp_path / f"link{number}").symlink_to(path)
        path = tmp_path / f"link{number}"
    check_output_file(path)
    write_new(path)
    with appended(path) as log:
        log.write("a line\n")
    removed(path)
    assert is_device(tmp_path / "device") and len(list(tmp_path.iterdir())) == 1 + links


def test_a_device_gets_the_whole_content(tmp_path: Path) -> None:
    """A terminal of the test's own, whose other side shows what arrived."""
    ours, theirs = os.openpty()
    try:
        path = Path(os.ttyname(theirs))
        write_new(path)
        assert os.read(ours, 100) == NEW.replace(b"\n", b"\r\n")
        assert is_device(path)
    finally:
        os.close(ours)
        os.close(theirs)


def test_a_full_device_is_told_in_one_line(tmp_path: Path) -> None:
    make_device(tmp_path / "full", minor=7)
    for work in (lambda: write_new(tmp_path / "full"), lambda: append_to(tmp_path / "full")):
        assert refusal(work) == f"{tmp_path / 'full'}: cannot write: No space left on device"
    assert is_device(tmp_path / "full")


def append_to(path: Path) -> None:
    with appended(path) as log:
        log.write("a line\n")


def test_a_fifo_with_a_reader_gets_the_whole_content(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.csv")
    for size in (0, 10, 1_000_000):  # more than a pipe holds
        reader = Reader(tmp_path / "fifo.csv")
        with replaced(tmp_path / "fifo.csv") as temporary:
            reader.start()
            temporary.write_bytes(bytes(size))
        reader.join(60)
        assert reader.content == bytes(size)
    reader = Reader(tmp_path / "fifo.csv")
    with appended(tmp_path / "fifo.csv") as log:
        reader.start()
        log.write("a line\n")
    reader.join(60)
    assert reader.content == b"a line\n"
    assert stat.S_ISFIFO((tmp_path / "fifo.csv").lstat().st_mode)
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("write", [write_new, append_to])
def test_a_fifo_that_nobody_reads_is_refused(tmp_path: Path, write: Writer) -> None:
    os.mkfifo(tmp_path / "fifo")
    assert "a FIFO that nobody reads" in refusal(lambda: write(tmp_path / "fifo"))
    assert stat.S_ISFIFO((tmp_path / "fifo").lstat().st_mode)


def test_a_reader_that_leaves_is_told_in_one_line(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    reader = os.open(tmp_path / "fifo", os.O_RDONLY | os.O_NONBLOCK)

    def write() -> None:
        with replaced(tmp_path / "fifo") as temporary:
            temporary.write_bytes(NEW)
            os.close(reader)

    assert refusal(write).endswith("cannot write: Broken pipe")


def test_a_failed_block_sends_nothing(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    reader = Reader(tmp_path / "fifo")
    with pytest.raises(RuntimeError), replaced(tmp_path / "fifo") as temporary:
        reader.start()
        temporary.write_bytes(NEW)
        raise RuntimeError
    reader.join(60)
    assert reader.content == b""


@pytest.fixture
def obstacles(tmp_path: Path) -> Iterator[dict[str, Path]]:
    """What no output may be: what it is called in a message, and where it is."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "to-folder").symlink_to("folder")
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("one")
    (tmp_path / "file").write_text("precious")
    (tmp_path / "nowhere").symlink_to("missing/file")
    with socket.socket(socket.AF_UNIX) as server:
        # Bound by a short name: the name of a socket has at most some hundred bytes.
        before = Path.cwd()
        os.chdir(tmp_path)
        server.bind("socket")
        os.chdir(before)
        yield {
            "is a folder": tmp_path / "folder",
            "is a folder ": tmp_path / "to-folder",
            "Too many levels of symbolic links": tmp_path / "one",
            "Not a directory": tmp_path / "file" / "a.csv",
            "No such file or directory": tmp_path / "missing" / "a.csv",
            "No such file or directory ": tmp_path / "nowhere",
            "is a socket": tmp_path / "socket",
            "null byte": tmp_path / "a\0b",
        }
    assert (tmp_path / "file").read_text() == "precious"


@pytest.mark.parametrize("regular_only", [False, True])
def test_obstacles_are_told_in_one_line(obstacles: dict[str, Path], regular_only: bool) -> None:
    for said, path in obstacles.items():
        message = refusal(lambda path=path: write_new(path, regular_only))
        assert message.startswith(f"{visible(str(path))}: ") and said.strip() in message
        assert said.strip() in refusal(lambda path=path: append_to(path))


def test_obstacles_are_told_before_the_work(obstacles: dict[str, Path]) -> None:
    told = [
        path for path in obstacles.values() if path.parent.name != "missing"
    ]  # a folder that would be made
    for path in told:
        refusal(lambda path=path: check_output_file(path))
    check_output_file(obstacles["No such file or directory"])
    assert not obstacles["No such file or directory"].parent.exists()


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root writes everywhere")
    (tmp_path / "mine").mkdir(mode=0o555)
    path = tmp_path / "mine" / "a.csv"
    assert "Permission denied" in refusal(lambda: write_new(path))
    assert "Permission denied" in refusal(lambda: check_output_file(path))


def test_a_device_without_permission_is_told_before_the_work(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root writes everywhere")
    os.mkfifo(tmp_path / "fifo", 0o400)
    assert "Permission denied" in refusal(lambda: check_output_file(tmp_path / "fifo"))


def seekable_writers() -> dict[str, Writer]:
    """Formats that are no streams, each written by what writes it."""
    from accelsim.store.flat_table import write_table

    writers: dict[str, Writer] = {
        "replaced": lambda path: write_new(path, regular_only=True),
        "trace": write_trace,
        "database": lambda path: Store.open(path).close(),
        "parquet": lambda path: write_table([{"a": 1}], path),
    }
    if importlib.util.find_spec("torch") is not None:
        from accelsim.nn.base.tensor_files import save_tensors
        from accelsim.nn.fixed_point.sample import save_sample

        writers["safetensors"] = lambda path: save_tensors(path, {}, {})
        writers["sample"] = lambda path: save_sample(path, "0" * 64, "d", 0, [])
    return writers


SUFFIXES = {"parquet": ".parquet", "sample": ".npz", "trace": ".h5", "database": ".db"}


@pytest.mark.parametrize("name", list(seekable_writers()))
def test_what_cannot_be_streamed_is_refused_or_follows_links(tmp_path: Path, name: str) -> None:
    write, suffix = seekable_writers()[name], SUFFIXES.get(name, ".bin")
    fifo, folder, link = (tmp_path / f"{each}{suffix}" for each in ("fifo", "folder", "link"))
    os.mkfifo(fifo)
    folder.mkdir()
    for path, what in ((fifo, "a FIFO"), (folder, "a folder")):
        message = refusal(lambda path=path: write(path))
        assert message.startswith(f"{path}: is {what}; allowed: a regular file")
    assert stat.S_ISFIFO(fifo.lstat().st_mode) and list(folder.iterdir()) == []
    link.symlink_to(tmp_path / "data")
    for _ in ("dangling", "to a file"):
        write(link)
        assert link.is_symlink() and (tmp_path / "data").stat().st_size
    assert {each.name for each in tmp_path.iterdir()} == {fifo.name, folder.name, link.name, "data"}
    device = tmp_path / f"device{suffix}"
    make_device(device)
    assert "is a character device; allowed: a regular file" in refusal(lambda: write(device))
    assert is_device(device)


def test_a_trace_behind_a_link_is_whole_and_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "link.h5").symlink_to("data.h5")
    write_trace(tmp_path / "link.h5")
    (tmp_path / "data.h5").chmod(0o600)
    write_trace(tmp_path / "link.h5")
    assert open_trace(tmp_path / "data.h5").image_ids == (0,)
    assert stat.S_IMODE((tmp_path / "data.h5").stat().st_mode) == 0o600


def test_a_trace_does_not_replace_what_became_a_device(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with (
        pytest.raises(AccelsimError, match="has become a FIFO"),
        TraceWriter(path, network="n", dataset="d", image_ids=[0], overwrite=True) as writer,
    ):
        writer.add_layer("a", LayerShape(kind="conv", c_in=1, c_out=8, kernel=(1, 1), h_in=2, w_in=2))
        writer.add_scheme(Scheme.dense())
        os.mkfifo(path)
    assert stat.S_ISFIFO(path.lstat().st_mode) and list(tmp_path.iterdir()) == [path]


def test_removed(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    (tmp_path / "link").symlink_to("file")
    os.mkfifo(tmp_path / "fifo")
    for name in ("link", "link", "fifo", "missing"):
        removed(tmp_path / name)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["fifo", "link"]
    assert not (tmp_path / "file").exists() and (tmp_path / "link").is_symlink()


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
@pytest.mark.parametrize("behind", ["file", "pipe"])
def test_standard_output_is_written_through(tmp_path: Path, name: str, behind: str) -> None:
    """Between what is printed before and after, in one file or pipe; the file is not replaced."""
    if not os.path.lexists(name):
        pytest.skip(f"no {name} here")
    code = f"""
from pathlib import Path
from accelsim.files import check_output_file, replaced
from accelsim.visible_text import visible
print("before")
check_output_file({name!r})
with replaced(Path({name!r})) as temporary:
    temporary.write_text("content\\n")
print("after")
"""
    if behind == "pipe":
        said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    else:
        with (tmp_path / "out").open("w") as file:
            inode = os.fstat(file.fileno()).st_ino
            subprocess.run([sys.executable, "-c", code], check=True, stdout=file)
        said = (tmp_path / "out").read_text()
        assert (tmp_path / "out").stat().st_ino == inode
    assert said == "before\ncontent\nafter\n"
    assert os.path.lexists(name)
