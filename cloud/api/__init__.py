"""The HTTP interface: routes without logic, behind one guard."""
