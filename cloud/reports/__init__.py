"""Reports on paper and as spreadsheets: one folder a report."""
