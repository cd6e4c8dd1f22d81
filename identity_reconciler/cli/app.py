"""The command line: one Typer application, and the one place where a command ends."""


def main() -> None:
    """Run the command line."""
