// Package spelling finds the name that somebody meant who typed another one.
package spelling

import "strings"

// Nearest is the one of some names that typed is probably a slip or the beginning
// of, the first of several, "" for none.
func Nearest(typed string, names []string) string {
	best, least := "", max(1, len(typed)/3)+1
	for _, name := range names {
		far := distance(typed, name)
		if len(typed) > 2 && strings.HasPrefix(name, typed) {
			far = 0
		}
		if far < least {
			best, least = name, far
		}
	}
	return best
}

// distance is how many letters must be changed, put in, taken out or exchanged
// with their neighbour to get from a to b.
func distance(a, b string) int {
	var before, last []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before, last, row = last, row, make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			change := 1
			if a[i] == b[j] {
				change = 0
			}
			row[j+1] = min(last[j]+change, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return row[len(b)]
}
