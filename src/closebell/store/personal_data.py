"""Where a guest is known beside their own record, and how each place forgets them; amounts stay everywhere.

Each statement finds its rows by an index over the guest, but for the two that look for a guest's id in texts.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import (
    Connection,
    LargeBinary,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    literal,
    not_,
    or_,
    select,
    tuple_,
    update,
)

from closebell.domain.account import ONE_USE
from closebell.domain.guest_profile import without_name_of
from closebell.domain.invoice import TransactionState
from closebell.store import guests, tables
from closebell.store.statements import among, listed

REMOVED: Final = "Removed when the guest was erased."
"""Stands where a text of a receiver stood that may have said something of the guest."""

_invoices = tables.invoices.c
_transactions = tables.transactions.c
_accounts = tables.accounts.c
_groups = tables.group_invoices.c
_deliveries = tables.deliveries.c
_attempts = tables.attempts.c
_failures = tables.endpoint_failures.c
_endpoints = tables.endpoints.c
_kept = tables.kept_answers.c
_profiles = tables.guest_profiles.c
_events = tables.events.c
_NONE = "[]"
_OLD_HINT: Final = "Redirects are not followed; set the endpoint's URL to "
"""Begins a hint that quotes a path of the receiver's, as no hint does any more that is written now."""


def forget_saved_cards(connection: Connection, guest_id: str) -> None:
    """Remove the cards that the guest has saved."""
    connection.execute(delete(tables.saved_cards).where(tables.saved_cards.c.guest_id == guest_id))


def forget_groups(connection: Connection, guest_id: str) -> None:
    """Blank the names and notes of the groups that the guest hosts or has an invoice in."""
    theirs = select(_invoices.group_invoice_id).where(
        _invoices.guest_id == guest_id, _invoices.group_invoice_id.is_not(None)
    )
    for whose in (_groups.host_id == guest_id, _groups.id.in_(theirs)):
        connection.execute(update(tables.group_invoices).where(whose).values(name="", notes=""))


def forget_card_texts(connection: Connection, guest_id: str) -> None:
    """Of the cards that the guest holds or has bought keep what they are good for, not whom they were meant for."""
    bought = connection.execute(select(_invoices.id).where(_invoices.guest_id == guest_id)).scalars().all()
    details = select(_accounts.id, _accounts.details)
    for statement, parameters in (
        (details.where(_accounts.guest_id == guest_id), {}),
        (details.where(among(_accounts.invoice_id)), {"ids": listed(bought)}),
    ):
        rows = connection.execute(statement, parameters).all()
        changes = [{"account": row.id, "new_details": _bare(row.details)} for row in rows if row.details != "{}"]
        if changes:
            connection.execute(
                update(tables.accounts)
                .where(_accounts.id == bindparam("account"))
                .values(details=bindparam("new_details")),
                changes,
            )


def _bare(details: str) -> str:
    said = json.loads(details)
    return json.dumps({ONE_USE: said[ONE_USE]} if ONE_USE in said else {})


# --- invoices ----------------------------------------------------------------------------------------------------

_IS_OVER = _transactions.state != TransactionState.PENDING.value
_HAS_TEXT = or_(_invoices.notes != "", _invoices.additional_fields != _NONE)
# What a processor needs to take a payment, and a page to lead back, is no text about anybody.
_HAS_NOTE = and_(_transactions.additional_data != "", _transactions.processor == "")
_HAS_DIGITS = and_(_IS_OVER, or_(_transactions.card_number != "", _HAS_NOTE))

_BLANK_INVOICES = (
    update(tables.invoices).where(among(_invoices.id), _HAS_TEXT).values(notes="", additional_fields=_NONE)
)
_BLANK_TRANSACTIONS = (
    update(tables.transactions)
    .where(among(_transactions.invoice_id), _HAS_DIGITS)
    .values(
        card_number="", additional_data=case((_transactions.processor == "", ""), else_=_transactions.additional_data)
    )
)
_WITH_TEXTS = (
    select(_invoices.id)
    .where(_invoices.guest_id == bindparam("guest"))
    .where(or_(_HAS_TEXT, exists().where(_transactions.invoice_id == _invoices.id, _HAS_DIGITS)))
    .order_by(_invoices.id)
    .limit(bindparam("most"))
)


def forget_invoice_texts(connection: Connection, invoice_ids: Sequence[str]) -> None:
    """Blank notes, additional fields, digits of cards and notes on payments; of closed invoices too."""
    ids = {"ids": listed(invoice_ids)}
    if not ids["ids"]:
        return
    connection.execute(_BLANK_INVOICES, ids)
    connection.execute(_BLANK_TRANSACTIONS, ids)


def invoices_with_texts(connection: Connection, guest_id: str, *, limit: int) -> list[str]:
    """Up to `limit` of the guest's invoices on which there is something to blank."""
    return list(connection.execute(_WITH_TEXTS, {"guest": guest_id, "most": limit}).scalars())


# --- what receivers answered -------------------------------------------------------------------------------------

# Everything else in `detail` is said by us; of a redirect it may quote where the receiver pointed to. Reasons and
# failures that quote it are known by the words too, since retention may have come to the attempt before.
_IS_QUOTED = and_(_attempts.status >= 300, _attempts.status < 400, _attempts.detail != REMOVED)  # noqa: PLR2004 (HTTP)
_HAS_ECHO = or_(_attempts.response_excerpt != "", _IS_QUOTED)
_OF_EVENTS = select(_deliveries.id).where(among(_deliveries.sequence))
_QUOTES = select(_attempts.delivery_id).where(_attempts.delivery_id.in_(_OF_EVENTS), _IS_QUOTED)
_BLANK_REASONS = (
    update(tables.deliveries).where(_deliveries.id.in_(_QUOTES), _deliveries.reason != "").values(reason=REMOVED)
)
_BLANK_OLD_REASONS = (
    update(tables.deliveries)
    .where(among(_deliveries.sequence), _deliveries.reason.contains(_OLD_HINT))
    .values(reason=REMOVED)
)
_BLANK_FAILURES = (
    update(tables.endpoint_failures)
    .where(_failures.delivery_id.in_(_OF_EVENTS), _failures.detail != REMOVED)
    .where(or_(_failures.delivery_id.in_(_QUOTES), _failures.detail.contains(_OLD_HINT)))
    .values(detail=REMOVED)
)
_BLANKED: dict[str, Any] = {
    "response_excerpt": "",
    "detail": case((_IS_QUOTED, REMOVED), else_=_attempts.detail),
}
_BLANK_ATTEMPTS = update(tables.attempts).where(_attempts.delivery_id.in_(_OF_EVENTS), _HAS_ECHO).values(_BLANKED)


def forget_answers_of_receivers(connection: Connection, sequences: Sequence[int]) -> int:
    """Blank what receivers answered to these events, which may repeat what they were told; of how many attempts."""
    ids = {"ids": listed(sequences)}
    if not ids["ids"]:
        return 0
    connection.execute(_BLANK_REASONS, ids)
    connection.execute(_BLANK_OLD_REASONS, ids)
    connection.execute(_BLANK_FAILURES, ids)
    return connection.execute(_BLANK_ATTEMPTS, ids).rowcount


def forget_old_hints(connection: Connection) -> None:
    """Blank the reasons of endpoints that quote a path, of whatever event: nothing says any more of which it was."""
    quoting = _endpoints.state_reason.contains(_OLD_HINT)
    connection.execute(update(tables.endpoints).where(quoting).values(state_reason=REMOVED))


_ECHOED = (
    select(_deliveries.sequence)
    .distinct()
    .join(tables.events, _events.sequence == _deliveries.sequence)
    .join(tables.attempts, _attempts.delivery_id == _deliveries.id)
    .where(_events.guest_id == bindparam("guest"), _HAS_ECHO)
    .order_by(_deliveries.sequence)
    .limit(bindparam("most"))
)


def still_echoed(connection: Connection, guest_id: str, *, limit: int) -> list[int]:
    """Up to `limit` events of the guest with an answer to blank: calls that were under way are recorded later."""
    return list(connection.execute(_ECHOED, {"guest": guest_id, "most": limit}).scalars())


# --- texts in which a guest's id may stand -----------------------------------------------------------------------


def answers_that_name(connection: Connection, guest_id: str, *, limit: int) -> list[tuple[str, str]]:
    """Up to `limit` kept answers with the guest's id in them: caller and key. Looks at all of the last day."""
    # The answer to the request to erase them names them, and may be asked for again.
    statement = select(_kept.caller_id, _kept.key).where(
        _holds(connection, _kept.body, guest_id.encode()), not_(_kept.route.endswith("/erase"))
    )
    return [(row.caller_id, row.key) for row in connection.execute(statement.limit(limit))]


def forget_kept_answers(connection: Connection, calls: Sequence[tuple[str, str]]) -> None:
    """Blank the answers; the keys stay taken, so that nothing is done a second time."""
    if calls:
        key = tuple_(_kept.caller_id, _kept.key)
        connection.execute(
            update(tables.kept_answers).where(key.in_(list(calls)), _kept.body.is_not(None)).values(body=b"")
        )


def profiles_that_name(connection: Connection, guest_id: str, *, limit: int) -> list[str]:
    """Up to `limit` guests who were referred here by this one, and name them. Looks at all profiles."""
    named = f'"id":"{guest_id}","name":"'
    is_named = and_(_profiles.profile.contains(named), not_(_profiles.profile.contains(f'{named}"')))
    return list(connection.execute(select(_profiles.guest_id).where(is_named).limit(limit)).scalars())


def forget_referrals(connection: Connection, guest_ids: Sequence[str], name_of: str) -> None:
    """In the profiles of these guests keep who referred them by the id, without the name."""
    for guest_id in sorted(guest_ids):
        record = guests.load_locked(connection, guest_id)
        if record is not None:
            guests.save_profile(connection, without_name_of(record, name_of))


def _holds(connection: Connection, column: Any, text: bytes) -> Any:
    if connection.dialect.name == "sqlite":
        return func.instr(column, text) > 0
    return func.position(literal(text, LargeBinary).op("IN")(column)) > 0
