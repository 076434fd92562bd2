// Package draw lays text out in the columns of a terminal: styles, rows, lines
// that are broken where they are too long, and a window over many of them. All
// text must be safe to print. Widths are those of decode/visible: never less
// than what a terminal takes.
package draw
