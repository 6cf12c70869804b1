"""``python -m emogene``."""

from emogene.cli import main

if __name__ == "__main__":
    main()
