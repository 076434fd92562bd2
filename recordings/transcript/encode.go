package transcript

import (
	"bytes"
	"time"

	"smtptap/decode/facts"
	"smtptap/recordings"
)

// encode makes the record of a fact. A fact too big for a record leaves only its
// type.
func encode(at time.Duration, r route, f facts.Fact) recordings.Record {
	rec, err := recordings.NewFact(at, r.from, r.to, f)
	if err != nil || len(rec.Data) > recordings.MaxData {
		return recordings.Record{At: at, Type: f.Type(), From: r.from, To: r.to, Data: []byte("{}")}
	}
	return rec
}

// keepFact records a fact, when somebody records, and returns it as a reader of
// the recording will see it: JSON can't hold bytes that are not UTF-8.
func (d *decoder) keepFact(at time.Duration, r route, f facts.Fact) facts.Fact {
	if d.record == nil {
		return f
	}
	rec := encode(at, r, f)
	d.record(rec)
	if len(rec.Data) == len("{}") || bytes.Contains(rec.Data, []byte(`\ufffd`)) {
		if read, err := rec.Fact(); err == nil {
			return read
		}
	}
	return f
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
