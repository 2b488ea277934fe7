"""What we show services so that they let us in."""
