from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from calling import KEY, Site
from closebell.testing import a_paid_invoice, guid_of

CLOSE = f"/v1/invoices/{guid_of('invoice 1')}/close"
HEAD = f"Host: closebell\r\nAuthorization: apikey {KEY}\r\n"
Address = tuple[str, int]


async def _exchange(address: Address, *requests: bytes) -> bytes:
    """Everything that comes back over one connection, which is ours to close last."""
    reader, writer = await asyncio.open_connection(*address)
    try:
        for request in requests:
            writer.write(request)
            await writer.drain()
        async with asyncio.timeout(10):
            return await reader.read()
    finally:
        writer.close()


def _document(answer: bytes) -> Any:
    return json.loads(answer.partition(b"\r\n\r\n")[2])


async def test_a_close_without_body_and_content_type_as_the_documentation_shows_it(
    site: Site, address: Address
) -> None:
    await site.put(a_paid_invoice())
    answer = await _exchange(address, f"POST {CLOSE} HTTP/1.1\r\n{HEAD}Connection: close\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert _document(answer)["is_invoice_closed"] is True


async def test_one_connection_takes_many_requests(site: Site, address: Address) -> None:
    await site.put(a_paid_invoice())
    body = b'{"status": 1}'
    one = f"POST {CLOSE} HTTP/1.1\r\n{HEAD}Content-Length: {len(body)}\r\n\r\n".encode() + body
    last = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = await _exchange(address, one, one, last)
    assert answer.count(b"HTTP/1.1 200 ") == 3


@pytest.mark.parametrize("is_chunked", [False, True])
async def test_too_large_a_body_is_answered_although_it_is_still_being_sent(
    site: Site, address: Address, *, is_chunked: bool
) -> None:
    size = site.service.body_bytes_max * 3
    if is_chunked:
        head, piece = "Transfer-Encoding: chunked", b"10000\r\n" + b"x" * 65_536 + b"\r\n"
        sent = [piece] * (size // 65_536) + [b"0\r\n\r\n"]
    else:
        head, sent = f"Content-Length: {size}", [b"x" * 65_536] * (size // 65_536)
    answer = await _exchange(address, f"POST {CLOSE} HTTP/1.1\r\n{HEAD}{head}\r\n\r\n".encode(), *sent)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert _document(answer)["code"] == 413


async def test_an_endless_body_ends_with_its_connection(site: Site, address: Address) -> None:
    async with asyncio.timeout(30):
        with pytest.raises(ConnectionError):
            await _send_for_ever(address)
    assert (await site.get("/healthz")).status == 200


async def _send_for_ever(address: Address) -> None:
    piece = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    _, writer = await asyncio.open_connection(*address)
    try:
        writer.write(f"POST {CLOSE} HTTP/1.1\r\n{HEAD}Transfer-Encoding: chunked\r\n\r\n".encode())
        while True:
            writer.write(piece)
            await writer.drain()
    finally:
        writer.close()


async def test_a_key_is_needed_before_the_body_is_read(site: Site, address: Address) -> None:
    request = f"POST {CLOSE} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nConnection: close\r\n\r\n".encode()
    answer = await _exchange(address, request)
    assert answer.startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize("path", [b"/v1/invoices/%ff%fe/close", b"/v1/%00", b"/..%2f..%2fetc", b"//v1//keys"])
async def test_odd_paths_are_answered_in_our_shape(site: Site, address: Address, path: bytes) -> None:
    answer = await _exchange(address, b"POST " + path + b" HTTP/1.1\r\n" + HEAD.encode() + b"Connection: close\r\n\r\n")
    assert answer.split()[1] in {b"400", b"404"}
    assert _document(answer)["error"]["code"] in {400, 404, 502}


async def test_requests_at_once_are_answered_each_with_its_own(site: Site, address: Address) -> None:
    names = [str(number) for number in range(100)]
    await site.put(*(a_paid_invoice(name) for name in names))

    async def close(name: str) -> str:
        path = f"/v1/invoices/{guid_of(f'invoice {name}')}/close"
        answer = await _exchange(address, f"POST {path} HTTP/1.1\r\n{HEAD}Connection: close\r\n\r\n".encode())
        number: str = _document(answer)["receipt_number"]
        return number

    numbers = await asyncio.gather(*map(close, names))
    assert sorted(map(int, numbers)) == list(range(1, 101))
