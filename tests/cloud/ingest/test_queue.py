"""A node that floods delays only itself."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from cloud.ingest.batch import MAX_PAYLOAD_BYTES, Message
from cloud.ingest.queue import MAX_UNPACKED_BYTES, MOST_LANES, OVERHEAD, SHARE, FairQueue, cost


def message(node: str, number: int, size: int = 0) -> Message:
    return Message(f"spBv1.0/510802/DDATA/{node}/d", number.to_bytes(4) + bytes(size), number)


def numbers(taken: list[Message]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for one in taken:
        found.setdefault(one.topic.split("/")[3] if one.topic else "", []).append(one.received_at)
    return found


def test_a_flood_of_one_node_lets_the_others_pass() -> None:
    """With 50 000 messages of one node before them, those of two others are in the first batch."""
    queue = FairQueue(64 * 1024 * 1024)
    for number in range(50_000):
        queue.put(message("loud", number))
    for number in range(5):
        queue.put(message("a", number))
        queue.put(message("b", number))
    taken = numbers(queue.take(2 * SHARE))
    assert taken["a"] == taken["b"] == list(range(5))
    assert taken["loud"] == list(range(len(taken["loud"])))
    assert SHARE <= len(taken["loud"]) * (OVERHEAD + 4) <= 2 * SHARE


def test_who_says_little_goes_first() -> None:
    """Sixty nodes flood; what another one says now and then is in the next batch but one at the latest, where it waited for twelve."""
    queue = FairQueue(64 * 1024 * 1024)
    for number in range(60 * 3300):
        assert queue.put(message(f"loud-{number % 60}", number)) == 0
    queue.put(message("quiet", 0))
    assert numbers(queue.take(4 * SHARE) + queue.take(4 * SHARE))["quiet"] == [0]
    for turn in range(1, 14):
        queue.put(message("quiet", turn))
        assert numbers(queue.take(4 * SHARE))["quiet"] == [turn]


def test_who_took_its_share_waits_for_its_turn() -> None:
    """A node that empties its lane again and again with much at once gets no more than its share before the others' turns."""
    queue, found = FairQueue(64 * 1024 * 1024), Counter[str]()
    for number in range(40_000):
        queue.put(message(f"loud-{number % 4}", number))
    for turn in range(8):
        while queue._lanes.get("510802/often") is None or not queue._lanes["510802/often"].size >= SHARE // 2:
            queue.put(message("often", turn))
        found += Counter({node: len(seen) for node, seen in numbers(queue.take(SHARE)).items()})
    assert found["often"] <= 3 * SHARE // (OVERHEAD + 4)


def test_new_names_do_not_keep_anybody_waiting() -> None:
    """Names that are invented without end go first for half of the time at most, and wait in one lane when there are many of them."""
    queue = FairQueue(64 * 1024 * 1024)
    for number in range(2000):
        queue.put(message("real", number))
    taken: Counter[str] = Counter()
    for turn in range(6):
        for number in range(8000):
            queue.put(message(f"n{turn}-{number}", number))
        assert len(queue._lanes) <= MOST_LANES + 1
        taken += Counter({node: len(seen) for node, seen in numbers(queue.take(2 * SHARE)).items() if node == "real"})
    assert taken["real"] == 2000


def test_the_order_of_a_node_stays_when_lanes_are_many() -> None:
    """One whose messages wait among others' gets no lane of its own before they were taken."""
    queue = FairQueue(64 * 1024 * 1024)
    for number in range(MOST_LANES):
        queue.put(message(f"n{number}", 0))
    queue.put(message("late", 0))
    taken = queue.take(MOST_LANES // 2 * (OVERHEAD + 4))
    for number in range(1, 4):
        queue.put(message("late", number))
        taken += queue.take(MOST_LANES // 5 * (OVERHEAD + 4))
    taken += queue.take(10**9)
    assert numbers(taken)["late"] == [0, 1, 2, 3]
    assert not queue._lanes


def test_without_room_the_node_with_most_loses_its_newest() -> None:
    """What a quiet node sends finds room, and a flooding node's own messages find none; nothing else is dropped."""
    queue = FairQueue(100 * (OVERHEAD + 4))
    assert [queue.put(message("loud", number)) for number in range(110)] == [0] * 100 + [1] * 10
    assert queue.put(message("quiet", 0, size=200)) == 2
    found = numbers(queue.take(10**9))
    assert found == {"loud": list(range(98)), "quiet": [0]}
    assert not queue
    assert queue.size == 0


def test_a_message_without_room_anywhere_is_dropped() -> None:
    """One that is larger than all the room."""
    queue = FairQueue(1000)
    assert queue.put(message("a", 0, size=2000)) == 1
    assert not queue


def test_a_large_message_counts_as_its_nodes() -> None:
    """One of a node with nothing waiting dropped those of ten others; where its node would have most it is left out, and they lose none."""
    queue = FairQueue(100 * (OVERHEAD + 4))
    for number in range(100):
        assert queue.put(message(f"n{number % 10}", number)) == 0
    assert queue.put(message("large", 0, size=20 * OVERHEAD)) == 1
    assert {node: len(seen) for node, seen in numbers(queue.take(10**9)).items()} == {f"n{n}": 10 for n in range(10)}


def test_sessions_in_which_nothing_came_are_one() -> None:
    """A contested client id connects anew each second while a store hangs: only the last of these beginnings waits."""
    queue = FairQueue(100 * (OVERHEAD + 4))
    queue.put(message("a", 0))
    for number in range(1000):
        queue.begin(Message("", b"", number))
    assert queue.size == 2 * OVERHEAD + 4
    queue.put(message("a", 1))
    assert [(one.topic[-3:], one.received_at) for one in queue.take(10**9)] == [("a/d", 0), ("", 999), ("a/d", 1)]
    assert not queue


def test_sessions_take_room_too() -> None:
    """Whatever connects how often, no more waits than may: sessions cost what a message costs, and the order stays."""
    queue = FairQueue(100 * OVERHEAD)
    for number in range(500):
        queue.begin(Message("", b"", number))
        queue.put(message(f"n{number}", number))
        assert queue.size <= 101 * OVERHEAD
    taken = queue.take(10**9)
    assert [one.received_at for one in taken] == sorted(one.received_at for one in taken)
    assert len(taken) <= 101
    assert queue.size == 0
    assert not queue


def test_a_flood_of_the_session_before_gives_way_too() -> None:
    """After a reconnect while a store is away the flooder still held all the room, and nobody else's messages found any."""
    queue = FairQueue(100 * (OVERHEAD + 4))
    for number in range(100):
        queue.put(message("loud", number))
    queue.begin(Message("", b"", 0))
    assert [queue.put(message(node, 0)) for node in "abc"] == [2, 1, 1]  # the session takes room too
    assert numbers(queue.take(10**9)) == {"loud": list(range(96)), "": [0], "a": [0], "b": [0], "c": [0]}


def test_a_batch_takes_so_many_compressed_messages_as_it_can_hold_decompressed() -> None:
    """Of 100 that may each be as large as a message can, two at a time; another node's message has its turn between them."""
    queue, seen = FairQueue(64 * 1024 * 1024), list[int]()
    for number in range(100):
        queue.put(message("loud", number, size=20_000)._replace(packed=True))
    queue.put(message("a", 0))
    assert len(queue.take(4 * 1024 * 1024)) * MAX_PAYLOAD_BYTES <= MAX_UNPACKED_BYTES
    second = numbers(queue.take(4 * 1024 * 1024))
    assert second["a"] == [0]
    seen += [0, 1, *second["loud"]]
    while queue:
        taken = queue.take(4 * 1024 * 1024)
        assert len(taken) * MAX_PAYLOAD_BYTES <= MAX_UNPACKED_BYTES
        seen += numbers(taken)["loud"]
    assert seen == list(range(100))


@given(st.lists(st.tuples(st.sampled_from("abc|"), st.integers(0, 3000)), max_size=80), st.integers(1, 20_000))
def test_order_within_a_node_and_around_sessions_is_kept(events: list[tuple[str, int]], most: int) -> None:
    """Whatever is put in, each node's messages come out in their order, all of a session before those of the next that said something."""
    queue = FairQueue(10**9)
    expected: list[dict[str, list[int]]] = [{}]
    for number, (node, size) in enumerate(events):
        if node == "|":
            queue.begin(Message("", b"", number))
            if len(expected) == 1 or expected[-1]:
                expected.append({})
        else:
            assert queue.put(message(node, number, size)) == 0
            expected[-1].setdefault(node, []).append(number)
    taken: list[Message] = []
    while queue:
        part = queue.take(most)
        assert part
        taken += part
    sessions: list[list[Message]] = [[]]
    for one in taken:
        if one.topic:
            sessions[-1].append(one)
        else:
            sessions.append([])
    assert [numbers(session) for session in sessions] == expected
    assert queue.size == 0
    assert sum(map(cost, taken)) == sum(OVERHEAD + 4 + size for node, size in events if node != "|") + OVERHEAD * (len(sessions) - 1)
