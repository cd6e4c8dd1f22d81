"""`python -m identity_reconciler`, and the installed command."""

from identity_reconciler.cli.app import main

if __name__ == "__main__":
    main()
