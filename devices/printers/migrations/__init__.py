"""The schema of the print journal, one numbered SQL file per change."""
