"""The demo: what the package can show with nothing but what it installs."""
