"""Everything that knows Label Studio's JSON and XML. No other package does."""
