"""Downloads from a real server on the loopback: checked, resumed, and clear when they fail."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from replearn.dataset.download import download
from replearn.dataset.files import DataFile
from replearn.errors import InputError

CONTENT = bytes(range(256)) * 2000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """/file delivers, with ranges; /plain without; /cut breaks off at half, the first time."""

    def do_GET(self):
        self.server.asked.append((self.path, self.headers.get("Range")))
        if "absent" in self.path:
            self.send_error(404)
            return
        start = 0
        if (wanted := self.headers.get("Range")) and not self.path.startswith("/plain"):
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(CONTENT):
                self.send_error(416)
                return
            self.send_response(206)
            last = len(CONTENT) - 1
            self.send_header("Content-Range", f"bytes {start}-{last}/{len(CONTENT)}")
        else:
            self.send_response(200)
        length = 10**18 if self.path.startswith("/huge") else len(CONTENT) - start
        self.send_header("Content-Length", str(length))
        self.end_headers()
        if self.path.startswith("/cut") and not wanted:
            self.wfile.write(CONTENT[: len(CONTENT) // 2])
        else:
            self.wfile.write(CONTENT[start:])

    def log_message(self, format, *args):
        pass


@pytest.fixture
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked = []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def url(server, path):
    return f"http://127.0.0.1:{server.server_port}{path}"


def names(folder):
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def test_file_is_downloaded_once(server, tmp_path, capsys):
    for _ in range(2):
        path = download("file", [url(server, "/file")], SHA256, [tmp_path / "new"])
    assert path == tmp_path / "new" / "file"
    assert path.read_bytes() == CONTENT
    assert names(path.parent) == ["file"]
    assert server.asked == [("/file", None)]
    assert "512k/512k" in capsys.readouterr().err  # the progress bar


def test_next_mirror_is_asked(server, tmp_path):
    urls = [url(server, "/absent/file"), url(server, "/file")]
    assert download("file", urls, SHA256, [tmp_path]).read_bytes() == CONTENT


def test_cut_download_goes_on_where_it_was_cut(server, tmp_path):
    path = download("file", [url(server, "/cut/file")], SHA256, [tmp_path])
    assert path.read_bytes() == CONTENT
    (_, first), (_, second) = server.asked
    assert first is None
    assert 0 < int(second.removeprefix("bytes=").removesuffix("-")) <= len(CONTENT) // 2
    assert names(tmp_path) == ["file"]


def test_later_process_goes_on_too(server, tmp_path):
    (tmp_path / "file.part").write_bytes(CONTENT[:1000])
    assert download("file", [url(server, "/file")], SHA256, [tmp_path]).read_bytes() == CONTENT
    assert server.asked == [("/file", "bytes=1000-")]


@pytest.mark.parametrize("path", ["/plain/file", "/file"])
def test_part_that_cannot_be_continued_is_started_again(server, tmp_path, path):
    # One server does not resume; for the other the part is longer than its file.
    (tmp_path / "file.part").write_bytes(b"x" * (len(CONTENT) if path == "/file" else 1000))
    assert download("file", [url(server, path)], SHA256, [tmp_path]).read_bytes() == CONTENT


def test_file_that_does_not_fit_the_disk_is_not_begun(server, tmp_path):
    with pytest.raises(
        InputError, match=r"^file needs 1,000,000,000,000 MB in .*, where [\d,]+ MB are free; free"
    ):
        download("file", [url(server, "/huge/file")], SHA256, [tmp_path])
    assert list(tmp_path.iterdir()) == []


def test_other_content_is_refused_and_not_kept(server, tmp_path):
    with pytest.raises(InputError, match=r"/file \(it delivers a file with another digest\)"):
        download("file", [url(server, "/file")], "0" * 64, [tmp_path])
    assert names(tmp_path) == []


def test_md5_is_checked(server, tmp_path):
    md5 = f"md5:{hashlib.md5(CONTENT).hexdigest()}"
    assert download("file", [url(server, "/file")], md5, [tmp_path]).read_bytes() == CONTENT
    with pytest.raises(InputError, match=r"delivers a file with another digest"):
        download("other", [url(server, "/file")], f"md5:{'0' * 32}", [tmp_path])


def test_file_without_a_digest_is_taken_as_it_comes(server, home):
    file = DataFile("file", (url(server, "/file"),), folders=("folder",))
    assert file.download().read_bytes() == CONTENT
    assert file.find() == home / "data" / "folder" / "file"


def test_git_digest_is_checked_after_the_download(server, home):
    file = DataFile("file", (url(server, "/file"),), git_sha1="0" * 40)
    with pytest.raises(InputError, match=r"was downloaded and deleted: it is damaged or not the"):
        file.download()
    assert file.find() is None


def test_every_failed_address_is_named_in_one_sentence(server, tmp_path):
    urls = [url(server, "/absent/file"), "http://127.0.0.1:9/file"]
    with pytest.raises(
        InputError,
        match=r"cannot download file from .*absent/file \(it answers 404\) or "
        r"http://127.0.0.1:9/file \(it cannot be reached\); bring the file into .* yourself",
    ):
        download("file", urls, SHA256, [tmp_path])


def test_read_only_folder_is_passed_over(server, tmp_path):
    (tmp_path / "read-only").mkdir(mode=0o555)
    folders = [tmp_path / "read-only", tmp_path / "other"]
    assert download("file", [url(server, "/file")], SHA256, folders).parent == folders[1]
    below = [tmp_path / "read-only" / "new" / "folder", tmp_path / "other"]
    assert download("file", [url(server, "/file")], SHA256, below).parent == folders[1]
    assert list((tmp_path / "read-only").iterdir()) == []
    with pytest.raises(InputError, match=r"cannot write into .*read-only; give another folder"):
        download("file", [url(server, "/file")], SHA256, folders[:1])
