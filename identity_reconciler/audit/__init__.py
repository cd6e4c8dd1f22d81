"""Reports over a state and over many instances."""
