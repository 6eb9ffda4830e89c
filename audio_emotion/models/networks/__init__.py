"""Network architectures, one a file. The registry imports each only when it is built."""
