"""What is told to people elsewhere once a command has ended: what it says, how it gets there."""
