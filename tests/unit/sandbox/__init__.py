"""The sandbox, asked over real HTTP; first of all by the vendors' own Python packages."""
