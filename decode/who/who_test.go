package who_test

import (
	"encoding/json"
	"testing"

	"smtptap/decode/who"
)

var parties = []who.Party{who.Client, who.Server, who.Smtptap}

// Letters and names are what recordings hold: they must not change.
func TestNames(t *testing.T) {
	for i, want := range []struct {
		letter byte
		name   string
		leg    who.Leg
	}{{'C', "client", who.ClientLeg}, {'S', "server", who.ServerLeg}, {'P', "smtptap", 0}} {
		p := parties[i]
		if p.Letter() != want.letter || p.String() != want.name || p.Leg() != want.leg {
			t.Errorf("%d is %c, %q, leg %v", p, p.Letter(), p, p.Leg())
		}
		if who.FromLetter(want.letter) != p || who.Named(want.name) != p {
			t.Errorf("%q does not lead back to %d", want.name, p)
		}
		if want.leg != 0 && want.leg.Peer() != p {
			t.Errorf("%v ends at %v", want.leg, want.leg.Peer())
		}
	}
	for _, c := range []byte{0, 'c', 'X', 0xff} {
		if p := who.FromLetter(c); p != 0 {
			t.Errorf("%q names %v", c, p)
		}
	}
	if p := who.Party(200); p.Letter() != 0 || p.String() != "" || p.Leg() != 0 {
		t.Errorf("a party that is none is %c, %q", p.Letter(), p)
	}
}

func TestJSON(t *testing.T) {
	type fact struct {
		Leg who.Leg   `json:"leg"`
		By  who.Party `json:"by,omitempty"`
	}
	for _, tt := range []struct {
		text string
		want fact
	}{
		{`{"leg":"client"}`, fact{Leg: who.ClientLeg}},
		{`{"leg":"server","by":"server"}`, fact{who.ServerLeg, who.Server}},
		{`{"leg":"client","by":"smtptap"}`, fact{who.ClientLeg, who.Smtptap}},
		{`{"leg":""}`, fact{}},
	} {
		var got fact
		if err := json.Unmarshal([]byte(tt.text), &got); err != nil || got != tt.want {
			t.Errorf("%s is %+v, %v", tt.text, got, err)
		}
		if again, err := json.Marshal(got); err != nil || string(again) != tt.text {
			t.Errorf("%s becomes %s, %v", tt.text, again, err)
		}
	}
	var got fact
	if err := json.Unmarshal([]byte(`{"leg":"upstream","by":"nobody"}`), &got); err != nil || got != (fact{}) {
		t.Errorf("names that are none are read as %+v, %v", got, err)
	}
}
