"""What joins the rooms: train tracked runs, look at them, compare and summarise them."""
