"""What the leaders measure: definitions, figures from live facts and from imports, published at month ends with small numbers hidden."""
