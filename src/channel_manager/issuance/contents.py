"""What one wallet of a line holds, and what each part of it costs. Pure."""
