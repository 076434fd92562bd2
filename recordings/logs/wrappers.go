package logs

import (
	"encoding/json"
	"strings"
	"time"
)

// unwrapJSON takes the text out of rows that are JSON objects: container logs
// ("log"), structured loggers ("msg", "message"), and what nodemailer hands to
// such a logger ("tnx" names the side).
func unwrapJSON(rows []row, _ *dialect) [][]row {
	return one(splitStamped(rows, func(s string) []row {
		s = strings.TrimSpace(s)
		if !strings.HasPrefix(s, "{") || !strings.HasSuffix(s, "}") {
			return nil
		}
		var record struct {
			Log, Msg, Message, Text  string
			Time, Timestamp          any
			Tnx, Sid                 string
			From, Dir                any
			Direction                struct{ From, To string }
			AtTimestamp              string `json:"@timestamp"`
			Level                    any
			Stream, Component, Class string
		}
		if json.Unmarshal([]byte(s), &record) != nil {
			return nil
		}
		text := record.Log
		for _, other := range []string{record.Msg, record.Message, record.Text} {
			if text == "" {
				text = other
			}
		}
		if text == "" && record.Log == "" && record.Stream == "" {
			return nil
		}
		at := jsonTime(record.Time)
		for _, other := range []any{record.Timestamp, record.AtTimestamp} {
			if at.IsZero() {
				at = jsonTime(other)
			}
		}
		lines := strings.Split(strings.TrimSuffix(strings.ReplaceAll(text, "\r\n", "\n"), "\n"), "\n")
		prefix := jsonSide(record.Tnx, record.Sid, record.Direction.From)
		out := make([]row, len(lines))
		for i, l := range lines {
			out[i] = row{text: prefix + l, at: at}
		}
		return out
	}))
}

// jsonSide writes the side that a structured record names as the tool's plain
// log would have.
func jsonSide(tnx, sid, from string) string {
	session := ""
	if sid != "" {
		session = "[" + sid + "] "
	}
	switch {
	case tnx == "client":
		return "[1970-01-01 00:00:00] DEBUG " + session + "C: "
	case tnx == "server":
		return "[1970-01-01 00:00:00] DEBUG " + session + "S: "
	case from == "client":
		return "DEBUG: C --> S: "
	case from == "server":
		return "DEBUG: C <-- S: "
	}
	return ""
}

// jsonTime reads a time stamp of a structured log: a string, or seconds or
// milliseconds since 1970.
func jsonTime(v any) time.Time {
	switch v := v.(type) {
	case string:
		t, _ := takeStamp(v)
		return t
	case float64:
		if v > 1e11 {
			return time.UnixMilli(int64(v)).UTC()
		}
		return time.Unix(0, int64(v*1e9)).UTC()
	}
	return time.Time{}
}

// splitStamped is split for a cut that also knows times.
func splitStamped(rows []row, f func(string) []row) []row {
	var out []row
	for i, r := range rows {
		parts := f(r.text)
		if parts == nil {
			if out != nil {
				out = append(out, r)
			}
			continue
		}
		if out == nil {
			out = append(make([]row, 0, len(rows)), rows[:i]...)
		}
		out = append(out, parts...)
	}
	return out
}

// A wrapper is what a logger puts around each line: its first group is the
// stamp, its last the text.
type wrapper struct {
	name string
	re   *pattern
}

const (
	someStamp = `\d{4}[-/]\d\d[-/]\d\d[ T]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z| ?[+-]\d\d:?\d\d)?`
	someLevel = `(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|FATAL|CRITICAL|trace|debug|info|notice|warn|warning|error|Debug|Info|Warning|Error)`
)

var wrappers = []wrapper{
	{"container runtime", compile(`^(` + someStamp + `) (?:stdout|stderr) [FP] (.*)$`)},
	{"container composition", compile(`^()[\w.-]+ +\| (.*)$`)},
	{"process manager", compile(`^()\d+\|[\w.-]+ *\| (.*)$`)},
	{"Monolog", compile(`^\[(` + someStamp + `)\] [\w.-]+\.` + someLevel + `: (.*?)(?: (?:\[\]|\{.*\}) (?:\[\]|\{.*\}))?$`)},
	{"Apache", compile(`^\[([A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d+)? \d{4})\] (?:\[[^\]]*\] )+(?:AH\d+: )?(?:PHP message: )?(.*?)(?:, referer: \S*)?$`)},
	{"FastCGI", compile(`^(\S+ \S+) \[\w+\] .*?FastCGI sent in stderr: "(?:PHP message: )?(.*?)"?(?: while reading .*)?$`)},
	{"PHP error log", compile(`^\[(\d\d?-[A-Z][a-z]{2}-\d{4} \d\d:\d\d:\d\d [^\]]+)\] (?:PHP \w+: +)?(.*)$`)},
	{"syslog", compile(`^([A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d+)?) [\w.-]+ [\w./@-]+(?:\[\d+\])?: (.*)$`)},
	{"syslog protocol", compile(`^(?:<\d+>1 )?(` + someStamp + `) [\w.-]+ [\w./@-]+(?:\[\d+\]:| \S+ \S+ (?:-|\[[^\]]*\])) (.*)$`)},
	{"Python logging", compile(`^\[?(` + someStamp + `)\]? (?:\d+ )?` + someLevel + ` (?:\{[\w.:]+\} |(?:\S+ )?[\w.]+: ?)(.*)$`)},
	{"Python logging, short", compile(`^()` + someLevel + `:[\w.]+:(.*)$`)},
	{"Java logging", compile(`^(` + someStamp + `) +(?:\[[^\]]*\] +)?` + someLevel + ` +(?:\d+ +)?(?:--- +)?(?:\[[^\]]*\] +)*[\w.$/\[\]-]+(?:\(\d+\))? *[:-] (.*)$`)},
	{"logger with level", compile(`^\[?(` + someStamp + `)\]?:? (?:\[\w+\] )?\[?` + someLevel + `\]?:? +(.*)$`)},
	{"stamp", compile(`^\[?(` + someStamp + `)\]?:?[ \t]+(.*)$`)},
	{"clock", compile(`^\[?(\d\d:\d\d:\d\d(?:[.,]\d+)?)\]?:?[ \t]+(.*)$`)},
	{"level", compile(`^()\[?` + someLevel + `\]?:? +(.*)$`)},
	{"referer", compile(`^()(.*), referer: \S*$`)},
}

// unprefix removes what a logger puts around lines, by the form that makes the
// text look most like some dialect.
func unprefix(rows []row, _ *dialect) [][]row {
	var best *wrapper
	sample := telling(rows)
	_, most := recognise(sample)
	for i := range wrappers {
		bare := unwrap(sample, wrappers[i].re)
		if bare == nil {
			continue
		}
		if _, s := recognise(tidy(bare)); s > most {
			best, most = &wrappers[i], s
		}
	}
	if best == nil {
		return nil
	}
	return one(unwrap(rows, best.re))
}

func unwrap(rows []row, re *pattern) []row {
	var out []row
	for i, r := range rows {
		found := re.FindStringSubmatch(r.text)
		if found == nil && strings.Contains(r.text, "**") {
			found = re.FindStringSubmatch(strings.ReplaceAll(r.text, "**", ""))
		}
		if found == nil {
			continue
		}
		if out == nil {
			out = append([]row(nil), rows...)
		}
		out[i].text = found[len(found)-1]
		if out[i].at.IsZero() && found[1] != "" {
			out[i].at, _ = takeStamp(found[1])
		}
	}
	return out
}
