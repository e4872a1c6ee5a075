"""Core's own serializer and compressors, registered as anybody's would be."""
