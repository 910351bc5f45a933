"""What a Parquet file from elsewhere may cost, found before Arrow decodes it."""
