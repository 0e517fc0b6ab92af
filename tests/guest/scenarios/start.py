# SPDX-License-Identifier: Apache-2.0
"""What happens around the start of the payload: startContainer hooks, and the word that it is ready."""
import os
import socket
import subprocess

from suite import expect_equal, expect_in, test


def _hooked(case, *scripts):
    bundle = case.bundle("/bin/sh", "-c", "cat /tmp/hooks; exit 6")
    bundle.config["hooks"] = {"startContainer": [
        {"path": "/bin/sh", "args": ["sh", "-c", script], "env": ["PATH=/bin", "ONLY=this"], "timeout": 20}
        for script in scripts]}
    return case.container(bundle)


@test("start: startContainer hooks run in order, in the container, with its state, before the program")
def hooks(case):
    container = _hooked(case, "echo first $ONLY >/tmp/hooks", "tr -d ' \\n' >>/tmp/hooks; echo >>/tmp/hooks")
    result = container.run()
    expect_equal(result.status, 6, f"status ({result})")
    expect_in("first this\n", result.text, "the first hook")
    expect_in('"id":"box"', result.text, "the second hook's input")
    if case.is_vm:  # an established runtime gives the number on the host
        expect_in('"pid":1,', result.text, "the second hook's input")


@test("start: a startContainer hook that fails keeps the program from running")
def failing_hook(case):
    result = _hooked(case, "exit 3").run()
    expect_equal((result.status != 0, result.out), (True, b""), f"result ({result})")
    if case.is_vm:
        expect_in("startContainer hook #0", result.error, "stderr")


@test("start: the payload's READY=1 reaches NOTIFY_SOCKET, with the container process's number", vm_only=True)
def ready(case):
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    path = str(case.directory / "notify")
    listener.bind(path)
    listener.settimeout(60)
    container = case.container(case.bundle("/bin/probe", "notify"), environment={"NOTIFY_SOCKET": path})
    container.started()
    expect_equal(listener.recv(4096).decode(), f"READY=1\nMAINPID={container.pid}\nSTATUS=serving\n", "datagram")
    expect_equal(container.wait(), 0, "status")
    listener.close()
    container.must("delete", "box")


@test("start: the payload's BARRIER=1 ends when the listener has closed its descriptor", vm_only=True)
def barrier(case):
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    path = str(case.directory / "notify")
    listener.bind(path)
    listener.settimeout(60)
    container = case.container(case.bundle("/bin/probe", "barrier"), environment={"NOTIFY_SOCKET": path}).started()
    expect_equal(listener.recv(4096).decode(), f"READY=1\nMAINPID={container.pid}\n", "first datagram")
    text, descriptors, _, _ = socket.recv_fds(listener, 4096, 2)
    expect_equal((text, len(descriptors)), (b"BARRIER=1", 1), "second datagram")
    # As long as the answer of an executed process takes, the payload waits at least.
    expect_equal(container.must("exec", container.name, "/bin/echo", "waits").out, b"waits\n", "what exec says")
    expect_equal(container.state()["status"], "running", "status")
    os.close(descriptors[0])
    expect_equal(container.wait(), 5, "status")
    listener.close()
    container.must("delete", "box")


@test("start: a NOTIFY_SOCKET that nobody listens on is an error of create", vm_only=True)
def nobody_listens(case):
    container = case.container(case.bundle(), environment={"NOTIFY_SOCKET": "/no/such/socket"})
    result = container.create()
    expect_equal(result.status, 1, "status")
    expect_in("NOTIFY_SOCKET", result.error, "stderr")


def _activated(case, listener, *args):
    """A container whose runtime is started as a service manager starts a service that has a socket."""
    container = case.container(case.bundle(*args))
    argv = container.argv("create", "--bundle", container.bundle.write(), "--pid-file", container.pid_path, container.name)
    number = listener.fileno()
    shell = f'exec 3<&{number}; [ {number} = 3 ] || exec {number}<&-; export LISTEN_FDS=1 LISTEN_PID=$$; exec "$@"'
    with open(container.out_path, "wb") as out:  # the payload keeps it: a pipe would not end
        done = subprocess.run(["/bin/bash", "-c", shell, "bash", *argv], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                              pass_fds=(number,), env=container.environment, timeout=90, check=False)
    expect_equal((done.returncode, container.out_path.read_bytes()), (0, b""), "create")
    container.must("start", container.name)
    return container


def _ask(listener, text):
    with socket.socket(listener.family, socket.SOCK_STREAM) as client:
        client.settimeout(60)
        client.connect(listener.getsockname())
        client.sendall(text)
        client.shutdown(socket.SHUT_WR)
        answer = b""
        while part := client.recv(65536):
            answer += part
        return answer


def _serves(case, listener):
    with listener:
        listener.listen(8)
        container = _activated(case, listener, "/bin/probe", "serve")
        expect_equal([_ask(listener, text) for text in (b"one", b"two" * 100000, b"end")], [b"one", b"two" * 100000, b"end"], "answers")
        expect_equal(container.wait(), 3, "status, the connections served")
        container.must("delete", "box")


@test("start: a listening unix socket of LISTEN_FDS is the payload's to accept from", vm_only=True)
def listening_unix(case):
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(case.directory / "web"))
    _serves(case, listener)


@test("start: a listening TCP socket of LISTEN_FDS is the payload's to accept from", vm_only=True)
def listening_tcp(case):
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.bind(("127.0.0.1", 0))
    _serves(case, listener)


@test("start: a preserved descriptor that the payload closes is closed")
def preserved_is_closed(case):
    read, write = os.pipe()
    container = case.container(case.bundle().script("echo passed >&3; exec 3>&-; while :; do sleep 1; done"))
    argv = container.argv("create", "--preserve-fds", "1", "--bundle", container.bundle.write(), "--pid-file", container.pid_path,
                          container.name)
    shell = f'exec 3>&{write}; [ {write} = 3 ] || exec {write}>&-; exec "$@"'
    with open(container.out_path, "wb") as out:
        done = subprocess.run(["/bin/bash", "-c", shell, "bash", *argv], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                              pass_fds=(write,), env=container.environment, timeout=90, check=False)
    os.close(write)
    expect_equal(done.returncode, 0, f"create: {container.out_path.read_bytes()}")
    container.must("start", container.name)
    with os.fdopen(read, "rb") as source:
        expect_equal(source.read(), b"passed\n", "what came, up to its end")
    container.must("delete", "--force", container.name)
