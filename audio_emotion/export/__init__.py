"""A model in other forms: its weight files, a graph in 8-bit integers, and files for programs other than this one."""
