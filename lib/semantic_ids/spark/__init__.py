"""Moving data with Spark: sources, outputs, and the work of each job. No mathematics here."""
