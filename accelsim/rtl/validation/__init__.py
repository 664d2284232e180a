"""The RTL compared with both engines and the fixed-point reference, count by count and word by word."""
