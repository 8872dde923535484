"""What a running pipeline says about itself: events for the log, numbers for people."""
