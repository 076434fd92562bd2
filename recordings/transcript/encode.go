package transcript

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/recordings"
)

// A skipped is what a skip record holds.
type skipped struct {
	Bytes int64  `json:"bytes"` // -1 when unknown
	Why   string `json:"why"`
}

// A maskRecord is what a mask record holds. Names that are no UTF-8 can't be
// JSON strings; they stand in the other two fields, as base64.
type maskRecord struct {
	decode.Mask
	UserBytes    []byte `json:"userBytes,omitempty"`
	AuthzidBytes []byte `json:"authzidBytes,omitempty"`
}

func masked(m *decode.Mask) maskRecord {
	r := maskRecord{Mask: *m}
	if !utf8.ValidString(r.User) {
		r.UserBytes, r.User = []byte(r.User), ""
	}
	if !utf8.ValidString(r.Authzid) {
		r.AuthzidBytes, r.Authzid = []byte(r.Authzid), ""
	}
	return r
}

func (r maskRecord) mask() decode.Mask {
	m := r.Mask
	if len(r.UserBytes) > 0 {
		m.User = string(r.UserBytes)
	}
	if len(r.AuthzidBytes) > 0 {
		m.Authzid = string(r.AuthzidBytes)
	}
	return m
}

// marshalFact encodes a fact and returns it as a reader of the recording will
// see it: JSON can't hold bytes that are no UTF-8. Of a fact too big for a
// record only the type is kept.
func marshalFact(f facts.Fact) ([]byte, facts.Fact) {
	data, err := facts.Marshal(f)
	if err != nil || len(data) > recordings.MaxData {
		return []byte("{}"), facts.New(f.Type())
	}
	if bytes.Contains(data, []byte(`\ufffd`)) {
		if read, err := facts.Unmarshal(f.Type(), data); err == nil {
			return data, read
		}
	}
	return data, f
}

// recordJSON records v, a struct of strings and numbers.
func (d *decoder) recordJSON(at time.Duration, kind string, r route, v any) {
	if d.record == nil {
		return
	}
	data, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("encode a %s record: %v", kind, err))
	}
	d.keep(at, kind, r, data)
}

// keep records, when somebody records. What is too much for one record goes
// into several.
func (d *decoder) keep(at time.Duration, kind string, r route, data []byte) {
	if d.record == nil {
		return
	}
	for len(data) > recordings.MaxData {
		d.record(recordings.Record{At: at, Type: kind, From: r.from, To: r.to, Data: data[:recordings.MaxData]})
		data = data[recordings.MaxData:]
	}
	d.record(recordings.Record{At: at, Type: kind, From: r.from, To: r.to, Data: data})
}
