"""What goes on in the store now, one transaction after the other."""
