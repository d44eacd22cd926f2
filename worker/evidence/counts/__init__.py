"""Sources of counts: queries in, counts out, each with what it means."""
