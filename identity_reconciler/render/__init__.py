"""Plans as text for people and as JSON for programs; only `cli` prints."""
