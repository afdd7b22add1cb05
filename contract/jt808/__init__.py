"""What a site's file says of JT/T 808: phones, and what terminals may take of a gateway."""
