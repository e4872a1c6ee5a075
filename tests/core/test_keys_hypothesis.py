"""Keys of values nobody thought of: equal for equal arguments, different for all others."""

from __future__ import annotations

import copy

from hypothesis import given, settings
from hypothesis import strategies as st

from cachekit import cache
from cachekit.testing import MemoryBackend
from corpus import exactly, identified
from nested import ARGUMENTS, HASHABLE, TEXT, look_alikes

one = cache(backend=None)(identified)


@cache(backend=None)
def many(a, b=None, /, *rest, c=None, **more):
    return exactly((a, b, rest, c, sorted(more.items())))


CALLS = st.tuples(
    st.lists(ARGUMENTS, min_size=1, max_size=4), st.dictionaries(st.sampled_from(["a", "b", "c", "rest", "more"]), ARGUMENTS, max_size=3)
)


@settings(max_examples=300, deadline=None)
@given(ARGUMENTS, ARGUMENTS)
def test_two_arguments_share_a_key_only_if_nothing_tells_them_apart(left, right):
    """The key is a function of the value, and of all of it."""
    assert (one.key(left) == one.key(right)) == (exactly(left) == exactly(right))


@settings(max_examples=200, deadline=None)
@given(ARGUMENTS)
def test_a_value_and_its_look_alikes_have_keys_of_their_own(value):
    """A text, a list, a tuple, a dict or an object made of a value is never that value's key."""
    alikes = look_alikes(value)
    assert len(set(map(one.key, alikes))) == len(set(map(exactly, alikes)))


@settings(max_examples=200, deadline=None)
@given(ARGUMENTS)
def test_a_copy_has_the_same_key(value):
    """The key depends on what a value is, not on where it lies."""
    assert one.key(copy.deepcopy(value)) == one.key(value)


@settings(max_examples=200, deadline=None)
@given(st.lists(HASHABLE, max_size=6), st.randoms())
def test_the_order_of_a_set_is_no_part_of_its_key(items, random):
    """Sets that were filled in another order are one argument, alone and nested."""
    shuffled = random.sample(items, len(items))
    assert one.key([set(items)]) == one.key([set(shuffled)]) or exactly(set(items)) != exactly(set(shuffled))
    assert one.key(frozenset(items)) == one.key(frozenset(shuffled)) or exactly(set(items)) != exactly(set(shuffled))


@settings(max_examples=300, deadline=None)
@given(CALLS, CALLS)
def test_two_calls_share_a_key_only_if_they_bind_alike(left, right):
    """No argument reaches into the next one's place, and no keyword into another's."""
    same = many.__wrapped__(*left[0], **left[1]) == many.__wrapped__(*right[0], **right[1])
    assert (many.key(*left[0], **left[1]) == many.key(*right[0], **right[1])) == same


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(TEXT.filter(str.isidentifier), HASHABLE, max_size=3), st.randoms())
def test_the_order_of_keywords_is_no_part_of_the_key(keywords, random):
    """`f(x=1, y=2)` and `f(y=2, x=1)` are one entry."""
    shuffled = dict(random.sample(list(keywords.items()), len(keywords)))
    assert many.key(1, **keywords) == many.key(1, **shuffled)


@settings(max_examples=100, deadline=None)
@given(st.lists(ARGUMENTS, min_size=1, max_size=8))
def test_each_call_gets_its_own_value(arguments):
    """Whatever was called before, over both layers and over the backend alone."""
    for options in ({"backend": None}, {"backend": MemoryBackend()}, {"backend": MemoryBackend(), "l1_enabled": False}):
        function = cache(**options)(identified)
        for argument in (*arguments, *look_alikes(arguments[0]), *arguments):
            assert function(argument) == exactly(argument)
