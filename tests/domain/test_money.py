"""Money is exact: what goes in comes out, splits sum to their whole, and nothing over the limit gets in."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closebell.domain.money import AMOUNT_MINOR_MAX, Currency, checked, must_be_plainly_written, split
from closebell.errors import InvalidInput

CURRENCIES = [Currency.of("JPY"), Currency.of("USD"), Currency.of("KWD")]
minors = st.integers(min_value=-AMOUNT_MINOR_MAX, max_value=AMOUNT_MINOR_MAX)


@pytest.mark.parametrize(("code", "decimals"), [("JPY", 0), ("USD", 2), ("KWD", 3), ("CLF", 4)])
def test_a_currency_knows_its_decimals(code: str, decimals: int) -> None:
    assert Currency.of(code).decimals == decimals


@pytest.mark.parametrize("code", ["", "usd", "US", "USDX", "XXX", "XAU", "../etc", "U\x00D"])
def test_what_is_no_currency_is_refused_by_field(code: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Currency.of(code, field="centers[2].currency")
    assert caught.value.field == "centers[2].currency"


@given(minor=minors, currency=st.sampled_from(CURRENCIES))
def test_the_wire_gives_back_what_it_was_given(minor: int, currency: Currency) -> None:
    assert currency.minor(currency.wire(minor), field="amount") == minor


@given(minor=minors, currency=st.sampled_from(CURRENCIES))
def test_a_wire_amount_has_no_exponent_and_no_trailing_zero(minor: int, currency: Currency) -> None:
    written = str(currency.wire(minor))
    assert "E" not in written
    assert not ("." in written and written.endswith(("0", ".")))


def test_seventeen_digits_keep_their_cents() -> None:
    usd = Currency.of("USD")
    assert usd.minor(Decimal("12345678901234567.89"), field="amount") == 1234567890123456789
    assert usd.wire(1234567890123456789) == Decimal("12345678901234567.89")


@pytest.mark.parametrize(
    ("code", "written"),
    [("JPY", "1.5"), ("USD", "0.001"), ("USD", "1e-400"), ("KWD", "0.0001"), ("USD", "1." + "0" * 50 + "1")],
)
def test_more_decimals_than_the_currency_are_refused(code: str, written: str) -> None:
    with pytest.raises(InvalidInput, match="more decimals than") as caught:
        Currency.of(code).minor(Decimal(written), field="tip_amount")
    assert caught.value.field == "tip_amount"
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("written", ["1.50", "1.5000000", "150e-2", "1." + "5" + "0" * 60])
def test_zeros_behind_the_last_decimal_are_nothing_more(written: str) -> None:
    assert Currency.of("USD").minor(Decimal(written), field="amount") == 150


@pytest.mark.parametrize("written", ["1e30", "1E+400", "-20000000000000000.01", "20000000000000000.01", "9" * 40])
def test_a_huge_amount_is_refused(written: str) -> None:
    with pytest.raises(InvalidInput, match="over the largest"):
        Currency.of("USD").minor(Decimal(written), field="amount")


@pytest.mark.parametrize("written", ["NaN", "sNaN", "Infinity", "-Infinity"])
def test_what_is_not_finite_is_refused(written: str) -> None:
    with pytest.raises(InvalidInput, match="not an amount"):
        Currency.of("USD").minor(Decimal(written), field="amount")


def test_the_largest_amount_is_allowed_and_one_more_is_not() -> None:
    usd = Currency.of("USD")
    assert checked(AMOUNT_MINOR_MAX, usd, field="sum_total") == AMOUNT_MINOR_MAX
    with pytest.raises(InvalidInput):
        checked(AMOUNT_MINOR_MAX + 1, usd, field="sum_total")


@given(total=minors, weights=st.lists(st.integers(min_value=0, max_value=10**12), min_size=1, max_size=30))
def test_a_split_sums_to_its_whole_each_part_within_one_unit(total: int, weights: list[int]) -> None:
    parts = split(total, weights)
    assert sum(parts) == total
    whole = sum(weights)
    shares = weights if whole else [1] * len(weights)
    for part, share in zip(parts, shares, strict=True):
        assert abs(part * sum(shares) - total * share) < sum(shares)


@given(total=minors, weights=st.lists(st.integers(min_value=1, max_value=100), min_size=2, max_size=8), data=st.data())
def test_permuting_the_weights_moves_no_more_than_the_odd_units(
    total: int, weights: list[int], data: st.DataObject
) -> None:
    order = data.draw(st.permutations(range(len(weights))))
    permuted = split(total, [weights[index] for index in order])
    for position, index in enumerate(order):
        assert abs(permuted[position] - split(total, weights)[index]) <= 1
    assert sum(permuted) == total


@pytest.mark.parametrize("written", ["1_0", " 1", "1 ", "\uff11", "\\u0031_0", "1,5"])
def test_a_string_that_only_a_lenient_decoder_takes_for_an_amount_is_refused(written: str) -> None:
    with pytest.raises(InvalidInput, match="is not an amount") as caught:
        must_be_plainly_written(f'{{"note": "1_0", "tip_amount" : "{written}"}}'.encode())
    assert caught.value.field == "tip_amount"


@pytest.mark.parametrize("text", ['{"amount": "12.50"}', '{"amount": 1}', '{"note": "\\"amount\\": \\"1_0\\""}', "{}"])
def test_plain_amounts_and_other_strings_pass(text: str) -> None:
    must_be_plainly_written(text.encode())
