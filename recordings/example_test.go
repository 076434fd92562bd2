package recordings_test

import (
	"bytes"
	"fmt"
	"time"

	"smtptap/decode/who"
	"smtptap/recordings"
)

// A session is written, and read again.
func Example() {
	var file bytes.Buffer
	w, _ := recordings.NewWriter(&file, recordings.Header{ID: "mine", Started: time.Date(2026, 11, 22, 23, 59, 12, 0, time.UTC)})
	ms := time.Millisecond
	tell := func(at time.Duration, from, to who.Party, f recordings.Fact) {
		r, _ := recordings.NewFact(at, from, to, f)
		w.Append(r)
	}
	tell(0, who.Client, who.Smtptap, &recordings.Open{Client: "127.0.0.1:40112", Listen: "127.0.0.1:2525"})
	w.Append(recordings.Record{At: 3 * ms, Type: recordings.TypeData, From: who.Client, To: who.Server, Data: []byte("AUTH PLAIN ")})
	tell(3*ms, who.Client, who.Server, &recordings.Mask{What: "credentials", Mechanism: "PLAIN", User: "jane"})
	tell(9*ms, who.Smtptap, who.Smtptap, &recordings.End{Cause: "client-closed"})

	r, _ := recordings.NewReader(&file)
	rec, err := r.Next()
	for ; err == nil; rec, err = r.Next() {
		switch fact, _ := rec.Fact(); f := fact.(type) {
		case nil:
			fmt.Printf("%v %v to %v: %q\n", rec.At, rec.From, rec.To, rec.Data)
		case *recordings.Mask:
			fmt.Printf("%v %v to %v: %s of %s left out\n", rec.At, rec.From, rec.To, f.What, f.User)
		default:
			fmt.Printf("%v %s %+v\n", rec.At, f.Type(), f)
		}
	}
	fmt.Println(err)
	// Output:
	// 0s open &{Client:127.0.0.1:40112 Listen:127.0.0.1:2525 TLS:false Header:0 Peer: Destination:}
	// 3ms client to server: "AUTH PLAIN "
	// 3ms client to server: credentials of jane left out
	// 9ms end &{Cause:client-closed Err: ClientBytes:0 ServerBytes:0}
	// EOF
}
