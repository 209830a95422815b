"""What of an invoice's lines comes back: never more than was sold, and all refunds of a line sum to the line.

Each refund of a line brings what was given back of it in all to the nearest share of the line; the last one thus takes
exactly the rest, however often it was divided.
Source: docs/refunds.md; docs/decisions/0017-refunds.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction

from closebell.domain.identifiers import guid
from closebell.domain.intake_values import quantity as read_quantity
from closebell.domain.invoice import Invoice, Line
from closebell.domain.money import Currency, Minor
from closebell.domain.pricing import nearest
from closebell.errors import Conflict, InvalidInput, Refusal, RefusalCode


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemWish:
    """A line of which something is to come back: all that is left of it unless a quantity or an amount is said.

    Units: `amount` is in major units, the tax included. An amount without a quantity brings no goods back.
    """

    invoice_item_id: str
    quantity: Decimal | None = None
    amount: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """What earlier refunds gave back of one line; nothing of it is negative."""

    quantity: Decimal = Decimal(0)
    sales: Minor = 0
    tax: Minor = 0
    discount: Minor = 0

    @property
    def final(self) -> Minor:
        """What was given back, its tax included."""
        return self.sales + self.tax


def gone_of(line: Line, earlier: Iterable[Invoice]) -> Gone:
    """What these refunds gave back of a line."""
    rows = [row for refund in earlier for row in refund.lines if row.refund_of_id == line.id]
    return Gone(
        quantity=-sum((row.quantity for row in rows), start=Decimal(0)),
        sales=-sum(row.sales for row in rows),
        tax=-sum(row.tax for row in rows),
        discount=-sum(row.discount for row in rows),
    )


def lines_back(
    original: Invoice, earlier: Sequence[Invoice], items: Sequence[ItemWish] | None, *, new_id: Callable[[], str]
) -> tuple[Line, ...]:
    """The lines of the refund, every figure of them below zero; without `items`, everything that is left.

    Errors: Refusal 429 for a line that is not on the invoice; Conflict for more than is left; InvalidInput naming
            `items[i]`.
    """
    if items is None:
        every = ((line, gone_of(line, earlier)) for line in original.lines)
        return tuple(_all_of(line, gone, new_id) for line, gone in every if _is_left(line, gone))
    found = []
    for index, (line, wish) in enumerate(_named(original, items)):
        gone = gone_of(line, earlier)
        if not _is_left(line, gone):
            raise Conflict(f"{_called(line)} was given back before; nothing of it is left")
        if wish.quantity is None and wish.amount is None:
            found.append(_all_of(line, gone, new_id))
        else:
            found.append(_some_of(line, gone, wish, original.currency, new_id=new_id, field=f"items[{index}]"))
    return tuple(found)


def share_of(whole: Minor, part: Minor, of: Minor) -> Minor:
    """The part of `whole` that goes with `part` of `of`, to the nearest minor unit.

    >>> share_of(100, 1, 3), share_of(100, 3, 3), share_of(100, 1, 0)
    (33, 100, 0)
    """
    return nearest(Fraction(whole * part, of)) if of else 0


def _named(original: Invoice, items: Sequence[ItemWish]) -> list[tuple[Line, ItemWish]]:
    """The lines that are meant, each once."""
    known = {line.id: line for line in original.lines}
    first_at: dict[str, int] = {}
    found = []
    for index, wish in enumerate(items):
        field = f"items[{index}].invoice_item_id"
        line_id = guid(wish.invoice_item_id, field=field)
        first = first_at.setdefault(line_id, index)
        if first != index:
            raise InvalidInput(field, f"{line_id} is also items[{first}]; write each line once")
        if line_id not in known:
            raise Refusal(RefusalCode.ITEM_NOT_FOUND, f"Invoice {original.id} has no item {line_id}.")
        found.append((known[line_id], wish))
    return found


def _is_left(line: Line, gone: Gone) -> bool:
    return line.quantity > gone.quantity or line.final > gone.final


def _all_of(line: Line, gone: Gone, new_id: Callable[[], str]) -> Line:
    return _negative(line, new_id, quantity=line.quantity - gone.quantity, gone=gone, final=line.final)


def _some_of(
    line: Line, gone: Gone, wish: ItemWish, currency: Currency, *, new_id: Callable[[], str], field: str
) -> Line:
    back = Decimal(0) if wish.quantity is None else _quantity(line, gone, wish.quantity, f"{field}.quantity")
    if wish.amount is not None:
        back_final = _amount(line, gone, wish.amount, currency, f"{field}.amount", brings_goods=bool(back))
        final = gone.final + back_final
    elif back + gone.quantity == line.quantity:
        final = line.final
    else:
        share = Fraction(back + gone.quantity) / Fraction(line.quantity)
        final = max(nearest(line.final * share), gone.final)
    return _negative(line, new_id, quantity=back, gone=gone, final=final)


def _negative(line: Line, new_id: Callable[[], str], *, quantity: Decimal, gone: Gone, final: Minor) -> Line:
    """The refund's line that brings what was given back of the line in all to `final`."""
    is_all = final == line.final
    sales = line.sales if is_all else share_of(line.sales, final, line.final)
    discount = line.discount if is_all else share_of(line.discount, final, line.final)
    back_sales, back_tax = sales - gone.sales, final - sales - gone.tax
    return replace(
        line,
        id=new_id(),
        sales=-back_sales,
        tax=-back_tax,
        final=-(back_sales + back_tax),
        discount=-(discount - gone.discount),
        quantity=read_quantity(-quantity, "quantity", is_refund=True),
        refund_of_id=line.id,
    )


def _quantity(line: Line, gone: Gone, said: Decimal, field: str) -> Decimal:
    back = read_quantity(said, field, is_refund=False)
    if not back:
        raise InvalidInput(field, "is zero; leave it out to give an amount back without any goods")
    if line.redeemed_from_id is not None and back != back.to_integral_value():
        raise InvalidInput(field, f"is {back:f}, and a package paid for {_called(line)} in whole units")
    left = line.quantity - gone.quantity
    if back > left:
        raise Conflict(
            f"{_called(line)} was sold {line.quantity:f} times and {gone.quantity:f} came back; "
            f"{back:f} is more than the {left:f} that is left"
        )
    return back


def _amount(line: Line, gone: Gone, said: Decimal, currency: Currency, field: str, *, brings_goods: bool) -> Minor:
    back = currency.minor(said, field=field)
    if back < 0 or (back == 0 and not brings_goods):
        raise InvalidInput(field, f"{currency.text(back)} gives nothing back; write what the guest gets, tax included")
    left = line.final - gone.final
    if back > left:
        raise Conflict(
            f"{_called(line)} was sold for {currency.text(line.final)} and {currency.digits(gone.final)} was given "
            f"back; {currency.digits(back)} is more than the {currency.text(left)} that is left"
        )
    return back


def _called(line: Line) -> str:
    return f"{line.name or 'The item'} ({line.id})"
