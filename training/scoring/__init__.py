"""What the gateway said against what people annotated: pure scoring, reports, pages."""
