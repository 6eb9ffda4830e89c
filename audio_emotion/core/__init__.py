"""What every room uses: errors and exit codes, the eight labels, places on disk, and shared types."""
