"""Many recordings: decoding in worker processes, a journal so that a run can be continued, and clusters."""
