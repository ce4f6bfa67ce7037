"""What would have made a failed build fit."""
