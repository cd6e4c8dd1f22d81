"""YAML to declared state, and back."""
