"""`python -m closebell` is `closebell`."""

from closebell.cli import main

if __name__ == "__main__":
    main()
