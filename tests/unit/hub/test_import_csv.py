"""Files from spreadsheets. Method: one odd thing per test, and the good rows must go in."""

from __future__ import annotations

import pytest

from hub.domain.csv_rows import parse_orders, parse_products, parse_stock, parse_warehouses
from hub.domain.import_csv import ORDER_COLUMNS
from shared.domain.errors import InvalidInput

STOCK = "warehouse,bin,sku,quantity,serial_numbers\n"
HEAD = ",".join(ORDER_COLUMNS) + "\n"


def order_row(order_no: str, line_no: str = "1", quantity: str = "1", **other: str) -> str:
    cells = {
        "channel": "taobao", "shop": "main", "order_no": order_no, "line_no": line_no, "sku": "A",
        "quantity": quantity, "unit_price": "19.90", "currency": "CNY",
        "placed_at": "2026-11-22T10:00:00+08:00", "ship_by": "", "recipient_name": "张三",
        "phone": "137", "country": "CN", "province": "上海", "city": "上海", "district": "",
        "address": "人民路1号", "postcode": "", "latitude": "", "longitude": "",
        "buyer_remark": "",
    } | other  # fmt: skip
    return ",".join(cells[column] for column in ORDER_COLUMNS) + "\n"


def told(errors: list[object]) -> list[tuple[int, str]]:
    return [(error.line, error.column) for error in errors]  # type: ignore[attr-defined]


def test_a_byte_order_mark_and_windows_lines_and_blanks_are_harmless() -> None:
    text = "\ufeffwarehouse, name ,latitude,longitude\r\n\r\n sha ,上海, 31.2,121.4\r\n,,,\r\n"
    rows, errors, warnings = parse_warehouses("w.csv", text.encode())
    assert [(row.line, row.warehouse, row.latitude_microdegrees) for row in rows] == [
        (3, "SHA", 31_200_000)
    ]
    assert (errors, warnings) == ([], [])


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "empty"),
        (b"warehouse,bin,sku,quantity\nA,B,C,1\n", "serial_numbers is missing"),
        (b"warehouse,bin,sku,sku,quantity,serial_numbers\n", "named twice"),
        (STOCK.encode() + b"SHA,\xff\xfe,A,1,\n", "line 2"),
    ],
)
def test_a_file_that_cannot_be_read_says_why_and_nothing_goes_in(content: bytes, word: str) -> None:
    with pytest.raises(InvalidInput) as unreadable:
        parse_stock("s.csv", content)
    assert word in unreadable.value.message
    assert unreadable.value.code == "csv_unreadable"


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ("SHA,A1,A,0,", "quantity"),
        ("SHA,A1,A,-3,", "quantity"),
        ("SHA,A1,A,1.5,", "quantity"),
        ("SHA,A1,A,99999999999999999999,", "quantity"),
        ("SHA,A1,A,²,", "quantity"),
        ("SHA,,A,1,", "bin"),
        ("SHA,A 1,A,1,", "bin"),
        ("SHA,A1,,1,", "sku"),
        ("SHA,A1,A,2,SN001 SN001", "serial_numbers"),
        ("SHA,A1,A,2,SN001 x", "serial_numbers"),
        ("SHA,A1,A", ""),
    ],
)
def test_a_bad_stock_row_is_told_and_its_neighbours_go_in(row: str, column: str) -> None:
    text = f"{STOCK}SHA,A1,A,1,\n{row}\nSHA,A2,A,1,\n"
    rows, errors, _ = parse_stock("s.csv", text.encode())
    assert [one.line for one in rows] == [2, 4]
    assert told(errors) == [(3, column)]


def test_a_serial_number_on_two_lines_makes_the_second_one_bad() -> None:
    text = f"{STOCK}SHA,A1,A,1,SN001\nCAN,A1,A,2,SN002 SN001\n"
    rows, errors, _ = parse_stock("s.csv", text.encode())
    assert [one.serials for one in rows] == [("SN001",)]
    assert "line 2" in errors[0].reason


def test_equal_stock_rows_are_told_apart() -> None:
    rows, _, _ = parse_stock("s.csv", f"{STOCK}SHA,A1,A,1,\nSHA,A1,A,1,\n".encode())
    assert [one.occurrence for one in rows] == [1, 2]


def test_a_quoted_line_break_keeps_the_line_numbers_right() -> None:
    text = "sku,gtin,name,unit_weight_grams,length_mm,width_mm,height_mm,serial_policy\n"
    text += 'A,,"two\nlines",1,1,1,1,none\nB,,b,1,1,1,1,sometimes\n'
    rows, errors, _ = parse_products("p.csv", text.encode())
    assert rows == []
    assert told(errors) == [(2, "name"), (4, "serial_policy")]


def test_odd_product_codes_are_accepted_with_a_warning() -> None:
    text = "sku,gtin,name,unit_weight_grams,length_mm,width_mm,height_mm,serial_policy,colour\n"
    text += "A,4006381333931,a,1,1,1,1,full,red\nB,4006381333930,b,1,1,1,1,NONE,red\n"
    text += "C,4006381333931,c,1,1,1,1,ship,red\n"
    rows, errors, warnings = parse_products("p.csv", text.encode())
    assert [row.product.serial_policy for row in rows] == ["full", "none", "ship"]
    assert errors == []
    assert told(warnings) == [(1, "colour"), (3, "gtin"), (4, "gtin")]


def test_one_bad_row_rejects_its_order_whole_and_no_other() -> None:
    text = HEAD + order_row("1") + order_row("2") + order_row("2", "2", "0") + order_row("3")
    orders, errors, _ = parse_orders("o.csv", text.encode())
    assert [one.order.order_no for one in orders] == ["1", "3"]
    assert told(errors) == [(4, "quantity"), (3, "order_no")]


@pytest.mark.parametrize(
    ("cells", "column"),
    [
        ({"unit_price": "free"}, "unit_price"),
        ({"unit_price": "1.999"}, "unit_price"),
        ({"currency": "RMB4"}, "currency"),
        ({"placed_at": "yesterday"}, "placed_at"),
        ({"latitude": "91"}, "latitude"),
        ({"longitude": "east"}, "longitude"),
        ({"line_no": ""}, "line_no"),
        ({"order_no": ""}, "order_no"),
    ],
)
def test_a_bad_order_cell_names_its_column(cells: dict[str, str], column: str) -> None:
    text = HEAD + order_row(**({"order_no": "1"} | cells))
    orders, errors, _ = parse_orders("o.csv", text.encode())
    assert orders == []
    assert told(errors) == [(2, column)]


def test_rows_of_one_order_must_agree_on_the_buyer_and_errors_hide_who_it_is() -> None:
    text = HEAD + order_row("1") + order_row("1", "2", recipient_name="李四")
    _, errors, _ = parse_orders("o.csv", text.encode())
    assert told(errors) == [(3, "recipient_name"), (2, "order_no")]
    assert "李四" not in str(errors)


def test_prices_become_minor_units_exactly() -> None:
    text = HEAD + order_row("1") + order_row("2", currency="JPY", unit_price="1980")
    orders, _, _ = parse_orders("o.csv", text.encode())
    assert [one.order.lines[0].unit_price_minor for one in orders] == [1990, 1980]


def test_the_same_line_twice_is_no_order() -> None:
    orders, errors, _ = parse_orders("o.csv", (HEAD + order_row("1") + order_row("1")).encode())
    assert (orders, len(errors)) == ([], 1)
