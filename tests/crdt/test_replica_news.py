"""News: what was really new, who delivered it, and which tickets ripened."""

from __future__ import annotations

from crdt_updates import block, deleted, gc, one, replica, skip, text, update, values

from motet.crdt.replica import DROPPED, MAX_WAITING, TAKEN, News, Replica


def news_of(r: Replica) -> News:
    news = r.news()
    assert news is not None
    return news


def test_one_new_update_is_the_news_as_it_came() -> None:
    """[C6]"""
    u = update(block(7, 0, text("héllo")), deletes={7: [(1, 1)]})
    r = Replica()
    assert r.take(u, 5) == TAKEN
    assert r.news() == News(u, ((5, u),), ())
    assert r.news() is None


def test_each_author_has_its_own_update_and_the_merge_is_one() -> None:
    """[C6]"""
    a, b = one(7, 0, text("from a")), one(8, 0, values(b"\x7e", parent="list"))
    r = Replica()
    r.take(a, 1)
    r.take(b, 2)
    news = news_of(r)
    assert news.authors == ((1, a), (2, b))
    assert news.update == update(block(8, 0, values(b"\x7e", parent="list")), block(7, 0, text("from a")))


def test_updates_of_one_author_are_merged() -> None:
    """[C6]"""
    r = Replica()
    r.take(one(7, 0, text("one")), 1)
    r.take(one(7, 3, text("two", origin=(7, 2))), 1)
    r.take(one(8, 0, text("three", parent="u")), 2)
    assert dict(news_of(r).authors)[1] == one(7, 0, text("onetwo"))


def test_two_authors_who_deliver_the_same_client_share_its_structs() -> None:
    """[C6]"""
    r = Replica()
    r.take(one(7, 0, text("one")), 1)
    r.take(one(7, 0, text("onetwo")), 2)
    r.take(one(7, 6, text("three", origin=(7, 5))), 1)
    news = news_of(r)
    authors = dict(news.authors)
    assert news.update == one(7, 0, text("onetwothree"))
    assert authors[2] == one(7, 3, text("two", origin=(7, 2)))
    assert authors[1] == one(7, 0, text("one"), skip(3), text("three", origin=(7, 5)))


def test_content_that_comes_deleted_is_told_as_a_delete_too() -> None:
    """[C6] A member may have been shown it alive: by a broadcast whose commit failed, before its author deleted it."""
    shown = Replica()
    shown.take(one(7, 0, text("gone")), 1)
    r = Replica()
    r.take(one(7, 0, deleted(4)), 1)
    shown.take(news_of(r).update, 0)
    assert shown.state_hash() == r.state_hash()


def test_what_was_known_is_no_news() -> None:
    """[C6]"""
    u = update(block(7, 0, text("hello")), deletes={7: [(1, 2)]})
    r = replica(u)
    assert r.take(u, 2) == TAKEN
    assert r.news() is None
    more = update(block(7, 3, text("lo!", origin=(7, 2))), deletes={7: [(0, 4)]})
    assert r.take(more, 2) == TAKEN
    assert news_of(r).update == update(block(7, 5, text("!", origin=(7, 4))), deletes={7: [(0, 1), (3, 1)]})


def test_what_lacks_its_cause_waits_and_keeps_its_author() -> None:
    """[C7]"""
    second = one(8, 0, text("b", origin=(7, 0)))
    r = Replica()
    ticket = r.take(second, 2)
    assert ticket > 0
    assert r.news() is None
    assert r.waiting_bytes > 0
    assert r.state_vector() == b"\0"
    assert r.take(second, 2) == ticket
    first = one(7, 0, text("a"))
    assert r.take(first, 1) == TAKEN
    assert news_of(r) == News(
        update(block(8, 0, text("b", origin=(7, 0))), block(7, 0, text("a"))), ((1, first), (2, second)), (ticket,)
    )
    assert r.waiting_bytes == 0


def test_what_can_be_integrated_of_an_update_is_though_its_rest_waits() -> None:
    """[C7]"""
    r = Replica()
    ticket = r.take(update(block(7, 0, text("here")), block(8, 0, text("there", origin=(9, 0)))), 2)
    assert ticket > 0
    assert news_of(r).update == one(7, 0, text("here"))
    assert r.take(one(9, 0, text("!")), 3) == TAKEN
    news = news_of(r)
    assert news.ripe == (ticket,)
    assert dict(news.authors)[2] == one(8, 0, text("there", origin=(9, 0)))


def test_a_skip_is_a_gap() -> None:
    """[C7]"""
    r = Replica()
    ticket = r.take(one(7, 0, text("ab"), skip(3), text("f", origin=(7, 4))), 1)
    assert ticket > 0
    assert r.take(one(7, 2, text("cde", origin=(7, 1))), 1) == TAKEN
    assert news_of(r).update == one(7, 0, text("abcdef"))


def test_deletes_of_what_is_not_there_wait_and_keep_their_author() -> None:
    """[C7]"""
    r = Replica()
    ticket = r.take(update(deletes={7: [(1, 2)]}), 2)
    assert ticket > 0
    assert r.take(one(7, 0, text("ab")), 1) == TAKEN
    news = news_of(r)
    assert news.ripe == ()
    assert dict(news.authors)[2] == update(deletes={7: [(1, 1)]})
    assert r.take(one(7, 2, text("cd", origin=(7, 1))), 1) == TAKEN
    news = news_of(r)
    assert news.ripe == (ticket,)
    assert dict(news.authors)[2] == update(deletes={7: [(2, 1)]})
    assert r.waiting_bytes == 0


def test_a_ticket_ripens_when_others_bring_the_same() -> None:
    """[C7]"""
    r = Replica()
    ticket = r.take(one(7, 1, text("b", origin=(7, 0))), 1)
    assert r.take(one(7, 0, text("ab")), 2) == TAKEN
    assert news_of(r).ripe == (ticket,)
    assert r.waiting_bytes == 0


def test_a_ticket_can_ripen_without_news() -> None:
    """[C7]"""
    r = Replica()
    ticket = r.take(update(block(8, 0, text("x", origin=(7, 5))), deletes={}), 1)
    r.take(one(7, 0, text("abc")), 1)
    r.news()
    r.take(one(7, 3, text("def", origin=(7, 2))), 1)
    assert news_of(r).ripe == (ticket,)


def test_what_finds_no_room_to_wait_is_dropped_and_not_claimed() -> None:
    """[C8]"""
    r = Replica()
    big = "x" * (1 << 20)
    answers = [r.take(one(client, 1, text(big, origin=(client, 0))), 1) for client in range(1, 8)]
    assert all(answer > 0 for answer in answers[:3])
    assert answers[-1] == DROPPED
    assert r.waiting_bytes <= MAX_WAITING
    assert r.state_vector() == b"\0"
    assert r.take(one(9, 0, text("served")), 1) == TAKEN


def test_many_small_pieces_fill_the_waiting_room_too() -> None:
    """[C8] Each is counted with what it takes in memory."""
    r = Replica()
    answers = [r.take(one(client, 1, gc(1)), 1) for client in range(1, 20_000)]
    assert answers[-1] == DROPPED
    assert answers.count(DROPPED) > 5_000
    assert r.waiting_bytes <= MAX_WAITING


def test_known_ids_that_wait_never_ripen_when_they_say_something_else() -> None:
    """[C9] Nobody is left to be refused; the sender is never told that it is integrated."""
    r = Replica()
    ticket = r.take(one(7, 1, text("bad", origin=(7, 0))), 1)
    assert ticket > 0
    assert r.take(one(7, 0, text("abcd")), 2) == TAKEN
    news = news_of(r)
    assert news.ripe == ()
    assert r.waiting_bytes == 0


def test_a_delete_over_many_that_wait_is_counted_whole() -> None:
    """[C8] It waits in as many parts as there are between them."""
    fits = (MAX_WAITING - 4_000) // 64
    r = Replica()
    assert r.take(update(deletes={7: [(2 * k, 1) for k in range(fits)]}), 1) > 0
    assert r.waiting_bytes > MAX_WAITING - 8_000
    assert r.take(update(deletes={7: [(0, 2 * fits)]}), 2) == DROPPED
    assert r.waiting_bytes <= MAX_WAITING
    assert r.take(update(deletes={7: [(0, 1)]}), 2) > 0
