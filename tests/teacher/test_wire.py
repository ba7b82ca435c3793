"""The wire against a scripted server: one connection kept, compressed and chunked bodies, broken and closed ones."""

import asyncio
import gzip
import socket

import httpx
import pytest

from understudy.teacher.providers.wire import Wire

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


def exchange(*answers, n_calls=1):
    """Post `n_calls` bodies to a server that gives one answer a request; (received or error, connections, requests)."""
    requests, n_opened = [], 0

    async def serve(reader, writer):
        nonlocal n_opened
        n_opened += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                size = next(int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"content-length:"))
                requests.append((head, await reader.readexactly(size)))
                answer = answers[min(len(requests), len(answers)) - 1]
                writer.write(answer)
                if b"connection: close" in answer or not answer.endswith(b"ok"):
                    break
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    async def post():
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            url = httpx.URL(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1?api-version=1")
            wire = Wire(url, {"x-key": "secret"}, None, 5.0)
            try:
                received = []
                for number in range(n_calls):
                    received.append(await wire.post(b"body %d" % number))
                    await asyncio.sleep(0.01)  # a closing server is noticed
                return received
            finally:
                wire.close()

    return asyncio.run(post()), n_opened, requests


def test_calls_share_one_connection_and_carry_their_headers():
    received, n_opened, requests = exchange(OK, n_calls=3)
    assert [(each.status, each.content) for each in received] == [(200, b"ok")] * 3
    assert n_opened == 1
    assert [body for _, body in requests] == [b"body 0", b"body 1", b"body 2"]
    assert requests[0][0].startswith(b"POST /v1?api-version=1 HTTP/1.1\r\n")
    assert b"x-key: secret\r\n" in requests[0][0]
    assert requests[0][0].lower().count(b"host: 127.0.0.1:") == 1


def test_connection_that_the_server_closes_is_opened_again():
    closing = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok"
    received, n_opened, _ = exchange(closing, n_calls=3)
    assert len(received) == n_opened == 3


def test_connection_closed_without_a_word_while_idle_is_opened_again():
    received, n_opened, _ = exchange(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nbad", n_calls=2)
    assert [each.content for each in received] == [b"bad"] * 2
    assert n_opened == 2


def test_chunks_interim_answers_and_compression_are_undone():
    packed = gzip.compress("é".encode())
    chunks = b"%x\r\n%s\r\n1\r\n%s\r\n0\r\n\r\n" % (len(packed) - 1, packed[:-1], packed[-1:])
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n"
    (received,), _, _ = exchange(b"HTTP/1.1 103 Early Hints\r\n\r\n" + head + chunks)
    assert received.content.decode() == "é"


def test_errors_and_redirects_come_back_as_they_are():
    answer = b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\nretry-after: 7\r\ncontent-length: 2\r\n\r\nok"
    (received,), _, requests = exchange(answer)
    assert (received.status, received.headers["Retry-After"], len(requests)) == (302, "7", 1)


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf", b"what is this\r\n\r\n"])
def test_half_answers_are_broken_connections(answer):
    with pytest.raises(httpx.RemoteProtocolError):
        exchange(answer)


def test_endless_answers_are_cut_off(monkeypatch):
    monkeypatch.setattr("understudy.teacher.providers.wire.MOST_BODY_BYTES", 10)
    with pytest.raises(httpx.RemoteProtocolError, match="more than 10 bytes"):
        exchange(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + b"6\r\nsix by\r\n" * 2)
    received, *_ = exchange(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nten byteok")
    assert received[0].content == b"ten byteok"


def test_nobody_listening_is_a_connect_error():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(httpx.ConnectError):
        asyncio.run(Wire(httpx.URL(f"http://127.0.0.1:{port}/"), {}, None, 5.0).post(b""))
