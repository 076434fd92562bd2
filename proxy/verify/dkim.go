package verify

import (
	"bytes"
	"errors"
	"strings"

	"github.com/emersion/go-msgauth/dkim"

	"smtptap/decode/units"
)

// maxSignatures bounds the signatures that are checked.
const maxSignatures = 10

func (v *verifier) dkim() []Signature {
	if v.mail.Message == nil {
		return []Signature{{Result: Unknown, Reason: v.say(v.mail.Why, "size", units.Bytes(maxMessage))}}
	}
	found, err := dkim.VerifyWithOptions(bytes.NewReader(v.mail.Message), &dkim.VerifyOptions{LookupTXT: v.txt, MaxVerifications: maxSignatures})
	var all []Signature
	for _, f := range found {
		s := Signature{Domain: f.Domain, Result: Pass, Reason: v.say("covers", "fields", strings.Join(f.HeaderKeys, ", "))}
		if f.Err != nil {
			s.Result, s.Reason = dkimResult(f.Err), strings.TrimPrefix(f.Err.Error(), "dkim: ")
		}
		all = append(all, s)
	}
	if err != nil && !errors.Is(err, dkim.ErrTooManySignatures) {
		all = append(all, Signature{Result: PermError, Reason: strings.TrimPrefix(err.Error(), "dkim: ")})
	}
	return all
}

func dkimResult(err error) Result {
	switch {
	case dkim.IsTempFail(err):
		return TempError
	case dkim.IsPermFail(err):
		return PermError
	}
	return Fail
}
