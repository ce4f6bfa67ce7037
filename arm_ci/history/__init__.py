"""What earlier builds of a variant showed, kept on the master for its next builds."""
