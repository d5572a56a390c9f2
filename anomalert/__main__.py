"""What ``python -m anomalert`` runs: the command line."""

from anomalert.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
