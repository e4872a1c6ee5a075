"""Acme directories as a cachekit backend, with a serializer and a compressor."""
