"""`python -m imedbench` is `imedbench`."""

from imedbench.cli import main

if __name__ == "__main__":
    main()
