"""How often the report's intervals are right, by simulation: networks are made up, analysed, counted."""
