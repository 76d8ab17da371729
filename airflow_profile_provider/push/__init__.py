"""The conductor: reads, maps, compares, sends, settles, reports."""
