"""Codecs that keep the contract, and suites over codecs that leave standard tests out."""

from __future__ import annotations

import pickle

import pytest

from cachekit.errors import DecodeError, SerializationError
from cachekit.testing import CompressorSuite, SerializerSuite
from core.trials import compressors, reading, serializers

GUARD = ("test_no_standard_test_is_overridden",)


class SoundJson(serializers.Trial):
    pass


class SoundZlib(compressors.Trial):
    pass


class SoundOffering(serializers.Trial):
    make = reading.Offering


class SoundOfFewTypes(serializers.Trial):
    """Promises little, by fixtures, and takes an argument."""

    class make:
        name = "hex"

        def __init__(self, prefix=b"0x"):
            self.prefix = prefix

        def dumps(self, value):
            if type(value) is not int:
                raise SerializationError("takes an int")
            return self.prefix + b"%x" % value if value >= 0 else b"-" + self.dumps(-value)

        def loads(self, data):
            try:
                return int(data, 16)
            except ValueError:
                raise DecodeError("corrupt") from None

    @pytest.fixture
    def values(self):
        return (n * n for n in range(10))

    @pytest.fixture
    def refused(self):
        return [1.5, "text", None]

    @pytest.fixture
    def another(self):
        return self.make(b"0X")


class SoundPickle(serializers.Trial):
    """Reads only what was authenticated, and says so; a bare object comes back as another."""

    values = (*SerializerSuite.values, (1, {2}), 2**100)
    refused = (lambda: None, (n for n in ()))

    class make:
        name = "trial"
        needs_authentication = True

        def dumps(self, value):
            try:
                return pickle.dumps(value)
            except Exception as error:
                raise SerializationError(type(error).__name__) from None

        def loads(self, data):
            return pickle.loads(data)


class SoundWithAReasonedXfail(compressors.Trial):
    @pytest.mark.xfail(reason="the library crashes; reported to its makers")
    def test_a_huge_size_is_refused(self):
        pytest.fail("as known")


class BrokenByOverriding(serializers.Trial):
    noticed_by = GUARD

    def test_a_value_comes_back_as_it_was(self):
        pass


class BrokenByOverridingACompressors(compressors.Trial):
    noticed_by = GUARD
    test_data_is_restored = None


class BrokenByAFixture(serializers.Trial):
    noticed_by = GUARD

    @pytest.fixture
    def promised(self):
        return []


class BrokenByAnotherFixture(compressors.Trial):
    noticed_by = GUARD

    @pytest.fixture
    def pairs(self):
        return {}


class BrokenByNoValues(serializers.Trial):
    noticed_by = ("test_a_value_comes_back_as_it_was",)
    values = ()


class BrokenByNoSerializer(SerializerSuite):
    noticed_by = ("test_dumps_returns_bytes",)


class BrokenByNoCompressor(CompressorSuite):
    noticed_by = ("test_both_ways_return_bytes",)


class BrokenByAnArgument(compressors.Trial):
    noticed_by = ("test_two_instances_read_each_others_bytes",)

    class make(compressors.Zlib):
        def __init__(self, level):
            self.level = level

    @pytest.fixture
    def compressor(self):
        return self.make(1)
