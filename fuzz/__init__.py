"""Coverage-guided fuzzing of what reads stored bytes. Not part of any wheel."""
