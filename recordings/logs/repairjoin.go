package logs

import "strings"

// unjoin begins a new row at each entry where several stand on one line. Every
// dialect says what begins an entry; the one that gains most is followed.
func unjoin(rows []row, _ *dialect) [][]row {
	sample := telling(rows)
	var best *joint
	_, most := recognise(sample)
	for i := range dialects {
		d := &dialects[i]
		if d.joint == nil {
			continue
		}
		cut := cutRows(sample, d.joint)
		if cut == nil {
			continue
		}
		if s := d.score(telling(cut)); s > most {
			best, most = d.joint, s
		}
	}
	if best == nil {
		return nil
	}
	return one(cutRows(rows, best))
}

func cutRows(rows []row, j *joint) []row {
	return split(rows, func(s string) []string { return cutBefore(s, j) })
}

// cutBefore cuts s before each match of joint but one at its start. A joint
// with a group begins the entry at that group.
func cutBefore(s string, j *joint) []string {
	at := j.FindAllStringSubmatchIndex(s, -1)
	if at == nil || len(at) < j.least {
		return nil
	}
	var parts []string
	from := 0
	for _, loc := range at {
		i := loc[0]
		if len(loc) > 2 && loc[2] >= 0 {
			i = loc[2]
		}
		before := strings.TrimSpace(s[from:i])
		if before == "" || len(before) == 3 && code(before) != 0 {
			continue // a code with nothing after it begins this reply
		}
		parts = append(parts, strings.TrimRight(s[from:i], " \t"))
		from = i
	}
	return append(parts, s[from:])
}
