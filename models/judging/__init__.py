"""Whether a map marks what counts, and what each part is worth: measured, told in a sentence."""
