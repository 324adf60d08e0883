"""What pages share: the frame of a page, the form, the job panel, the result panel. Pages draw; core computes."""
