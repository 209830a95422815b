"""Routes of the page on which a guest pays with a card that is not saved. They are open: the token is the secret.

The page needs nothing but itself, and it takes test cards only: a processor that moves real money shows its own.
"""

from __future__ import annotations

from html import escape
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qs

import msgspec
from litestar.types import Receive, Scope, Send

from closebell.api import bodies
from closebell.api.examples import payments as examples_payments
from closebell.api.exchange import Answer, ApiRequest
from closebell.api.online_payments import PAGE, OnlineAnswer, charged
from closebell.api.problems import ErrorShape, problem_of
from closebell.api.routing import Doc, Operation, operation
from closebell.domain.payment_page import Token, is_link
from closebell.errors import Conflict, InvalidInput, NotFound, Refusal
from closebell.usecase.collect_online import Page, begin_on_page, read_page

_FORM: Final = b"application/x-www-form-urlencoded"
_HEADERS: Final = (
    (b"content-security-policy", b"default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
)
_CLOSED: Final = "There is no such payment page, or it has been used, or its time is over."


class CardEntered(msgspec.Struct, frozen=True, kw_only=True):
    """The card that is paid with: its whole number, which goes to the processor and is kept nowhere."""

    card_number: str


_ENTERED: Final = msgspec.json.Decoder(CardEntered)


class HtmlAnswer(Answer):
    """A page, which loads nothing, runs nothing and is framed by nobody."""

    __slots__ = ()

    @classmethod
    def saying(cls, title: str, body: str, *, status: int = 200) -> HtmlAnswer:
        """A page with this title, which is text, and this body, which is HTML."""
        head = f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title></head>'
        return cls(f"{head}<body><h1>{escape(title)}</h1>{body}</body></html>".encode(), status=status)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it as HTML, with what keeps it to itself."""
        headers = (
            (b"content-type", b"text/html; charset=utf-8"),
            (b"content-length", b"%d" % len(self.body)),
            *_HEADERS,
        )
        await send({"type": "http.response.start", "status": HTTPStatus(self.status), "headers": headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": False})


@operation(
    Doc(
        method="GET",
        path=PAGE + "{token_id}",
        tag="Payments",
        summary="Show the page on which a guest pays",
        answer_media_type="text/html; charset=utf-8",
        answer_example="<!doctype html>...",
        refusals=(404,),
        is_extension=True,
        is_open=True,
    )
)
async def get_page(request: ApiRequest) -> Answer:
    """Show the page."""
    page = await request.service.database.read(read_page, _token(request), clock=request.service.clock)
    if page is None:
        raise NotFound(_CLOSED)
    form = (
        f"<p>{_bill(page)}</p>"
        '<form method="post"><label>Card number <input name="card_number" inputmode="numeric" autocomplete="off" '
        'maxlength="23" required></label> <button>Pay</button></form>'
        "<p>Nothing is charged: this page takes test cards only.</p>"
    )
    return HtmlAnswer.saying(page.invoice.centre.name, form)


def _bill(page: Page) -> str:
    invoice = page.invoice
    amount = invoice.currency.text(page.transaction.total_amount_paid)
    return escape(f"{amount} for invoice {invoice.invoice_number_prefix}{invoice.invoice_number}")


@operation(
    Doc(
        method="POST",
        path=PAGE + "{token_id}",
        tag="Payments",
        summary="Pay on the page",
        description="Takes JSON, or the page's own form, which is answered with a page. A page is good for one card.",
        body=CardEntered,
        body_example=examples_payments.CARD_ENTERED,
        answer=OnlineAnswer,
        answer_example=examples_payments.COLLECTED,
        refusals=(402, 404, 409, 413),
        is_extension=True,
        is_open=True,
        error_shape=ErrorShape.WITH_SUCCESS,
    )
)
async def pay_on_page(request: ApiRequest) -> Answer:
    """Pay with a card."""
    body = await request.payload()
    if any(n == b"content-type" and v.lower().startswith(_FORM) for n, v in request.scope["headers"]):
        return await _pay_by_form(request, body)
    _, answer = await _pay(request, bodies.decode(body, _ENTERED).card_number)
    return answer


async def _pay_by_form(request: ApiRequest, body: bytes) -> Answer:
    """What came of it as a page, errors too."""
    try:
        page, answer = await _pay(request, _entered(body))
    except (Refusal, InvalidInput, NotFound, Conflict) as error:
        problem = problem_of(error)
        return HtmlAnswer.saying("This did not work", f"<p>{escape(problem.message)}</p>", status=problem.status)
    return _shown(page, answer)


def _entered(body: bytes) -> str:
    """The number of a form.

    Errors: InvalidInput.
    """
    try:
        found = parse_qs(body.decode("ascii"), max_num_fields=10, errors="strict").get("card_number", [])
    except ValueError:
        raise InvalidInput("", "The form cannot be read.") from None
    if len(found) != 1:
        raise InvalidInput("card_number", "is missing")
    return found[0]


async def _pay(request: ApiRequest, card_number: str) -> tuple[Page, Answer]:
    return await request.service.cards.see_through(_used(request, _token(request), card_number))


async def _used(request: ApiRequest, token: Token, card_number: str) -> tuple[Page, Answer]:
    service = request.service
    used = await service.database.write(
        begin_on_page, token, card_number, processor=service.cards.processor, clock=service.clock
    )
    if used is None:
        raise NotFound(_CLOSED)
    page, asked = used
    return page, await charged(request, token.invoice_id, asked)


def _shown(page: Page, answer: Answer) -> Answer:
    """What came of it, for the guest, who may go back to where they came from."""
    is_taken = answer.status < HTTPStatus.BAD_REQUEST
    uri = page.redirect_uri
    back = f'<p><a rel="noreferrer" href="{escape(uri)}">Go back</a></p>' if is_link(uri) else ""
    return HtmlAnswer.saying(
        "Thank you" if is_taken else "This card was not accepted", f"<p>{_bill(page)}</p>{back}", status=answer.status
    )


def _token(request: ApiRequest) -> Token:
    token = Token.read(request.named("token_id"))
    if token is None:
        raise NotFound(_CLOSED)
    return token


OPERATIONS: Final[tuple[Operation, ...]] = (get_page, pay_on_page)
