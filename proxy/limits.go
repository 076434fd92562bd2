package proxy

import "fmt"

const (
	filesPerSession = 2   // the client's connection and the server's
	filesApart      = 192 // listeners, recordings being written, the terminal, standard files
)

// SessionLimit is how many sessions may run at the same time: wanted (0 means
// DefaultMaxSessions), or fewer when the system lets this process open too few
// files. extra is how many files a session needs beyond its two connections,
// such as the end of the embedded server.
func SessionLimit(wanted, extra int) (n int, why string) {
	n = orDefault(wanted, DefaultMaxSessions)
	files, known := openFileLimit()
	if !known {
		return n, ""
	}
	if most := max(1, (files-filesApart)/(filesPerSession+extra)); most < n {
		return most, fmt.Sprintf("at most %d concurrent sessions, because this process may open %d files (ulimit -n)", most, files)
	}
	return n, ""
}
