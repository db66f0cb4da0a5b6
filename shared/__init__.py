"""What the edge and the hub must agree on: words, books, messages and the ground they run on."""
