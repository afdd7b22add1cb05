"""A terminal is known by what its phone means, however it is padded and written."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import yamlfile
from contract.site import load_site
from protocols.jt808.codec.frame import Frame, Version, decode, encode
from protocols.jt808.model import Device
from protocols.jt808.model.phone import identity
from tests.models import one
from tests.sites import whole

CARS = whole("""\
compounds: []
units: []
gateways: [{id: g}]
buses: [{id: cars, gateway: g, protocol: jt808}]
devices:
""")


def site(folder: Path, *phones: str) -> Path:
    """A site with a car for each phone; the first stands on line 11."""
    cars = [
        f"  - {{id: car-{n}, name: {{zh: 车, en: Car}}, profile: vehicle/jtt808-terminal, bus: cars, phone: {p}}}\n"
        for n, p in enumerate(phones)
    ]
    (folder / "site.yaml").write_text(CARS + "".join(cars), encoding="utf-8")
    return folder


@given(st.text("0123456789abcdefABCDEF", max_size=12), st.integers(0, 8), st.sampled_from([2013, 2019]))
def test_the_wire_does_not_change_an_identity(phone: str, zeros: int, version: Version) -> None:
    """What a header of either edition carries is the same terminal as the site file names, with and without zeros in front."""
    sent = decode(encode(Frame(2, phone, 1, version)))
    assert identity(sent.phone) == identity(phone) == identity("0" * zeros + phone.upper())


@given(st.text("0123456789abcdef", min_size=1, max_size=20), st.text("0123456789abcdef", min_size=1, max_size=20))
def test_two_identities_are_two_numbers(one: str, other: str) -> None:
    """Only phones that a header could not tell apart are the same."""
    assert (identity(one) == identity(other)) == (int(one, 16) == int(other, 16))


@pytest.mark.parametrize(
    "phone", ['"013800138000"', "86301204506781ab", "A0B1C2D3E4F5", '"00000000013800138000"', '"12345678901234567890"']
)
def test_letters_and_twenty_digits_are_phones(tmp_path: Path, phone: str) -> None:
    """Terminals put IMEIs and serial numbers into the field; the edition 2019 has twenty digits."""
    assert one(Device, load_site(site(tmp_path, phone)).devices[0]).phone == phone.strip('"')


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ('"013800138000"', '"13800138000"'),
        ('"00000000013800138000"', '"013800138000"'),
        ("0863012ABC", "863012abc"),
    ],
)
def test_two_ways_to_write_one_phone_are_one_car(tmp_path: Path, first: str, second: str) -> None:
    """A leading zero passed once, and one car's fixes were stored as the other's: refused with file, line and field."""
    with pytest.raises(yamlfile.ConfigError) as refused:
        load_site(site(tmp_path, first, second))
    where = f"{tmp_path / 'site.yaml'}:12: devices.1.phone: "
    assert str(refused.value).startswith(f"{where}expected a phone that no other device of cars has; car-0 has '{first.strip(chr(34))}'")


@pytest.mark.parametrize(
    ("phone", "said"),
    [
        ('"000000000000"', "expected a phone other than zeros, which terminals without one send, got '000000000000'"),
        ('""', "expected a phone, since cars speaks jt808, got ''"),
        ("1380013800G", "String should match pattern"),
        ("\uff11\uff13\uff18\uff10", "String should match pattern"),
        ('"123456789012345678901"', "String should match pattern"),
    ],
)
def test_what_no_header_can_carry_is_refused(tmp_path: Path, phone: str, said: str) -> None:
    """Zeros alone are what terminals without a number send, so they name nobody."""
    with pytest.raises(yamlfile.ConfigError) as refused:
        load_site(site(tmp_path, phone))
    assert str(refused.value).startswith(f"{tmp_path / 'site.yaml'}:11: devices.0.phone: {said}")
