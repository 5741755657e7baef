"""What programs that reason may ask of rootspan: tools with bounded answers."""
