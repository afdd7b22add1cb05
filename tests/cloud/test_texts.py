from __future__ import annotations

import pytest

from cloud.texts import sentence

NAMES = {"m1": "总表"}


@pytest.mark.parametrize(
    ("said", "chinese"),
    [
        ("m1: nothing known for 2026-02", "总表：2026-02 无数据"),  # noqa: RUF001 (as Chinese is written)
        ("baseline: m1: nothing known for 2025-02", "上年同期：总表：2025-02 无数据"),  # noqa: RUF001 (as Chinese is written)
        ("baseline year: m1: nothing known for 2025-12", "上年全年：总表：2025-12 无数据"),  # noqa: RUF001 (as Chinese is written)
        ("m1: nothing counted since 2026-09-20 00:00", "总表：2026-09-20 00:00 起无计量数据"),  # noqa: RUF001 (as Chinese is written)
        ("2025 is known by the month only, and no month of 2026 is complete", "2025 年只有按月数据，而 2026 年尚无完整的一月"),  # noqa: RUF001 (as Chinese is written)
        ("measured -122 s off its receipt", "测量时间与接收时间相差 -122 秒"),
        ("nan is not a finite number", "nan 不是有限的数值"),
        ("'time' is a name of the store's own", "'time' 是存储自用的名称"),
        ("something that nobody foresaw", "something that nobody foresaw"),
    ],
)
def test_a_reason_is_said_in_chinese_with_names(said: str, chinese: str) -> None:
    """What the interface says in English a Chinese report says in Chinese; in English it stays, and so does what is unknown."""
    assert sentence(said, "zh", NAMES) == chinese
    assert sentence(said, "en") == said
