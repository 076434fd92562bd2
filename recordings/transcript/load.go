package transcript

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/recordings"
)

// Load reads the recording at path. When it is cut off or damaged, the
// transcript holds what could be read and Damage says where that ends. The
// error is for files that give no transcript at all.
func Load(path string) (*decode.Transcript, *recordings.Damage, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, fmt.Errorf("recording: %w", err)
	}
	defer f.Close()
	t, _, damage, err := read(f)
	if err != nil {
		return nil, nil, fmt.Errorf("%q: %w", path, err)
	}
	return t, damage, nil
}

// Summarize reads the recording at path for its summary only.
func Summarize(path string) (Summary, error) {
	f, err := os.Open(path)
	if err != nil {
		return Summary{}, fmt.Errorf("recording: %w", err)
	}
	defer f.Close()
	_, sum, _, err := read(f)
	if err != nil {
		return Summary{}, fmt.Errorf("%q: %w", path, err)
	}
	sum.Path = path
	return sum, nil
}

// read feeds a recording to a decoder.
func read(r io.Reader) (*decode.Transcript, Summary, *recordings.Damage, error) {
	rd, err := recordings.NewReader(r)
	if err != nil {
		return nil, Summary{}, nil, err
	}
	h := rd.Header()
	t := &decode.Transcript{
		ID: h.ID, Started: h.Started, Source: decode.SourceRecording,
		Listen: h.Listen, Target: h.Target, Mode: h.Mode, SecretsKept: h.SecretsKept, Ended: true,
	}
	var tally Tally
	d := decoder{keepSecrets: h.SecretsKept, entry: func(e decode.Entry) {
		t.Entries = append(t.Entries, e)
		tally.Add(e)
	}}
	d.init(h.SplitLegs)
	var damage *recordings.Damage
	for {
		rec, err := rd.Next()
		if err == io.EOF {
			break
		}
		if errors.As(err, &damage) {
			t.CannotShow = append(t.CannotShow, damage.Error())
			break
		}
		if err != nil {
			return nil, Summary{}, nil, err
		}
		if err := d.replay(rec); err != nil {
			t.CannotShow = append(t.CannotShow, err.Error())
		}
	}
	s := tally.Summary()
	s.ID, s.Started, s.Source = h.ID, h.Started, decode.SourceRecording
	s.Target, s.SecretsKept = h.Target, h.SecretsKept
	return t, s, damage, nil
}

// replay tells the decoder one record.
func (d *decoder) replay(rec recordings.Record) error {
	from, to := decode.Party(rec.From), decode.Party(rec.To)
	switch rec.Type {
	case recordings.TypeData:
		d.data(rec.At, from, to, rec.Data)
	case recordings.TypeMask:
		var m decode.Mask
		if err := json.Unmarshal(rec.Data, &m); err != nil {
			return fmt.Errorf("a mask record can't be read: %w", err)
		}
		d.mask(rec.At, from, to, m)
	case recordings.TypeSkip:
		var s skipped
		if err := json.Unmarshal(rec.Data, &s); err != nil {
			return fmt.Errorf("a skip record can't be read: %w", err)
		}
		d.skip(rec.At, from, to, s.Bytes, s.Why)
	case recordings.TypeSwallowed:
		d.swallow(rec.At, from, rec.Data)
	case recordings.TypeSecured:
		leg := facts.ClientLeg
		if to == decode.PartyServer {
			leg = facts.ServerLeg
		}
		d.secured(rec.At, leg)
	case recordings.TypeUnopened:
		d.unopened(rec.At)
	default:
		return d.replayFact(rec)
	}
	return nil
}

func (d *decoder) replayFact(rec recordings.Record) error {
	if facts.New(rec.Type) == nil {
		return nil // of a newer smtptap
	}
	f, err := facts.Unmarshal(rec.Type, rec.Data)
	if err != nil {
		return err
	}
	switch f := f.(type) {
	case *facts.Closed:
		side := decode.Client
		if f.Leg == facts.ServerLeg {
			side = decode.Server
		}
		d.closed(rec.At, side, *f)
	case *facts.End:
		d.end(rec.At, *f)
	default:
		d.fact(rec.At, f)
	}
	return nil
}
