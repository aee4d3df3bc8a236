"""`python -m ssewire` is the `ssewire` command."""

from ssewire.cli import main

raise SystemExit(main())
