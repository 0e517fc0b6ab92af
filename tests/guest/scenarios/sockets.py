# SPDX-License-Identifier: Apache-2.0
"""Unix sockets of the host's that are bind mounts of the container."""
import contextlib
import os
import socket
import stat
import threading
import time

from suite import expect, expect_equal, expect_in, test


class _Server:
    """Answers each connection with all it was sent, backwards, once the other side has ended its half."""

    def __init__(self, path, mode=0o666):
        self.path = path
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        os.chmod(path, mode)
        self.listener.listen(64)
        self.served = 0
        self.said = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.served += 1
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection):
        with connection:
            said = b""
            while part := connection.recv(65536):
                said += part
            self.said.append(said)
            with contextlib.suppress(OSError):  # it may not wait for it
                connection.sendall(said[::-1])

    def __enter__(self):
        return self

    def end(self):
        if self.listener.fileno() >= 0:
            self.listener.shutdown(socket.SHUT_RDWR)  # or the thread would go on accepting
            self.listener.close()

    def __exit__(self, *_):
        self.end()
        os.unlink(self.path)


def _bundle(case, server, script, *options):
    bundle = case.bundle().script(script)
    bundle.bind(server.path, "/run/host.sock", *options)
    return bundle


@test("sockets: a program connects to a socket of the host's, and each half ends by itself")
def connect(case):
    with _Server(case.directory / "s") as server:
        result = case.run(_bundle(case, server, "printf abc | /bin/probe connect /run/host.sock; echo; "
                                  "printf xyz | /bin/probe connect /run/host.sock"))
        expect_equal((result.status, result.out), (0, b"cba\nzyx"), f"answers ({result})")
        expect_equal(server.served, 2, "connections")


@test("sockets: what is sent is not cut, in both directions")
def long_talk(case):
    with _Server(case.directory / "s") as server:
        result = case.run(_bundle(case, server, "seq 100000 | /bin/probe connect /run/host.sock | wc -c"))
        expect_equal(result.out.strip(), b"588895", f"bytes that came back ({result})")


@test("sockets: what a program sent arrives, also when it ends at once")
def last_words(case):
    with _Server(case.directory / "s") as server:
        case.run(_bundle(case, server, "seq 30000 | exec /bin/probe send /run/host.sock"))
        for _ in range(100):
            if server.said:
                break
            time.sleep(0.1)
        expect_equal([len(said) for said in server.said], [168894], "bytes that the server got")


@test("sockets: many at once")
def many(case):
    with _Server(case.directory / "s") as server:
        script = "for i in $(seq 40); do echo $i | /bin/probe connect /run/host.sock & done | sort | uniq | wc -l; wait"
        result = case.run(_bundle(case, server, script))
        expect_equal(server.served, 40, f"connections ({result})")


@test("sockets: it looks like the host's, and its mode counts")
def looks(case):
    with _Server(case.directory / "s", 0o640) as server:
        os.chown(server.path, 0, 1000)
        bundle = _bundle(case, server, "stat -c '%F %a %u %g' /run/host.sock; id -u; "
                         "echo x | /bin/probe connect /run/host.sock; echo $?", "ro")
        bundle.process["user"] = {"uid": 1000, "gid": 1000}
        result = case.run(bundle)
        expect_equal(result.text.split("\n")[:2], ["socket 640 0 1000", "1000"], f"what it is ({result})")
        expect_equal(result.text.split("\n")[2], "13", "connect's errno")  # EACCES
        expect_equal(server.served, 0, "connections")


@test("sockets: one that nobody listens on any more ends the connection")
def nobody(case):
    with _Server(case.directory / "s") as server:
        server.end()
        result = case.run(_bundle(case, server, "echo x | /bin/probe connect /run/host.sock; echo $?"))
        # A host's kernel refuses; ours has accepted by then, and ends it.
        expect(result.text.strip() in ("111", "0", "104", "32"), f"{result}")


@test("sockets: the host's file is left as it was")
def untouched(case):
    with _Server(case.directory / "s", 0o600) as server:
        before = os.stat(server.path)
        case.run(_bundle(case, server, "echo x | /bin/probe connect /run/host.sock"))
        after = os.stat(server.path)
        expect_equal((after.st_ino, after.st_mode), (before.st_ino, before.st_mode), "inode and mode")
        expect(stat.S_ISSOCK(after.st_mode), "it is no socket any more")
