package recordings

import (
	"crypto/rand"
	"strings"
	"time"
)

// idTime is the first part of an id: when the session began, in UTC, so that
// names sort by time.
const idTime = "20060102-150405.000"

// alphabet is what the last part of an id is made of: no letter that looks
// like another or like a digit.
const alphabet = "0123456789abcdefghjkmnpqrstvwxyz"

// suffixLen is how many characters follow the time. Two sessions of the same
// millisecond share an id once in 33 million.
const suffixLen = 5

// idLen is the length of an id, such as 20261122-235912-417-k3f9x.
const idLen = len("20261122-235912-417-") + suffixLen

// NewID makes an id for a session that began at t. No peer has a say in it.
func NewID(t time.Time) string {
	var random [suffixLen]byte
	// Read never fails: the program stops when the system has no randomness.
	rand.Read(random[:])
	id := make([]byte, 0, idLen)
	id = t.UTC().AppendFormat(id, idTime)
	id[len(id)-len(".000")] = '-'
	id = append(id, '-')
	for _, b := range random {
		id = append(id, alphabet[int(b)%len(alphabet)])
	}
	return string(id)
}

// ShortID is the last part of an id, which people type. Other text, such as
// the name of a recording that somebody renamed, comes back as it is.
func ShortID(id string) string {
	if _, ok := parseID(id); !ok {
		return id
	}
	return id[idLen-suffixLen:]
}

// IsID reports whether NewID could have made id.
func IsID(id string) bool {
	_, ok := parseID(id)
	return ok
}

// parseID reports whether NewID could have made id, and for which time.
func parseID(id string) (time.Time, bool) {
	if len(id) != idLen || id[idLen-suffixLen-1] != '-' || id[len("20261122-235912")] != '-' {
		return time.Time{}, false
	}
	for i := idLen - suffixLen; i < idLen; i++ {
		if strings.IndexByte(alphabet, id[i]) < 0 {
			return time.Time{}, false
		}
	}
	stamp := []byte(id[:idLen-suffixLen-1])
	stamp[len("20261122-235912")] = '.'
	t, err := time.Parse(idTime, string(stamp))
	return t, err == nil
}
