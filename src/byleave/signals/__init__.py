"""What strangers' pages, files and name servers say: bytes in, findings out. Nothing here fetches or stores."""
