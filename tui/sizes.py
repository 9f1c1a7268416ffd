"""Which class a screen has at which size; the stylesheet arranges by them."""

BREAKPOINTS_ACROSS = [(0, "-tiny"), (70, "-compact"), (100, "-narrow"), (187, "-wide")]
"""Under 70 columns the list goes; from 187 on the cameras have room beside faces of 56 cells."""
BREAKPOINTS_DOWN = [(0, "-short"), (32, "-tall")]
"""Under 32 rows the faces get the lines that frames and spaces give up."""
