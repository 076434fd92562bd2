// Package decodetest reads sessions as the tests write them, and decodes them.
//
//	C: EHLO me       the client says a line to the server, and S: the server one
//	P: 421 go        smtptap says it to the client, or CP:, PS:, SP: from whom to whom
//	wait 5s          time passes
//	tls              TLS is up
//	anything else    has the meaning that the test gives it
//
// Each line takes a millisecond, and what is said ends in CRLF unless it ends in a
// backslash. \r, \n, \t, \0, \xNN and \\ stand for bytes.
package decodetest

import (
	"strconv"
	"strings"
	"time"

	"smtptap/decode"
	"smtptap/decode/facts"
	"smtptap/decode/who"
)

// A Step is a line of a script.
type Step struct {
	From, To who.Party // of a line that somebody says, 0 otherwise
	Said     []byte
	Word     string // of another line
	Rest     string // what follows the word
}

// Script reads a session. Empty lines and tabs at the start of lines are for the
// eye.
func Script(text string) []Step {
	var steps []Step
	for line := range strings.Lines(text) {
		line = strings.TrimLeft(strings.TrimSuffix(line, "\n"), "\t")
		word, rest, _ := strings.Cut(line, " ")
		speaker, said := strings.CutSuffix(word, ":")
		switch from, to := parties(speaker); {
		case line == "":
		case said && from != 0:
			steps = append(steps, Step{From: from, To: to, Said: Line(rest)})
		default:
			steps = append(steps, Step{Word: word, Rest: rest})
		}
	}
	return steps
}

func parties(speaker string) (from, to who.Party) {
	switch speaker {
	case "C":
		return who.Client, who.Server
	case "S":
		return who.Server, who.Client
	case "P":
		return who.Smtptap, who.Client
	}
	if len(speaker) != 2 {
		return 0, 0
	}
	return who.FromLetter(speaker[0]), who.FromLetter(speaker[1])
}

// Line is the bytes that a line of a script stands for.
func Line(text string) []byte {
	var p []byte
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			p = append(p, text[i])
			continue
		}
		if i++; i == len(text) {
			return p // no line end
		}
		switch text[i] {
		case 'r':
			p = append(p, '\r')
		case 'n':
			p = append(p, '\n')
		case 't':
			p = append(p, '\t')
		case '0':
			p = append(p, 0)
		case 'x':
			n, err := strconv.ParseUint(text[i+1:i+3], 16, 8)
			if err != nil {
				panic(err)
			}
			p = append(p, byte(n))
			i += 2
		default:
			p = append(p, text[i])
		}
	}
	return append(p, "\r\n"...)
}

// A Session decodes what is said to a transcript.
type Session struct {
	*decode.Transcript
	Dialogue decode.Dialogue
	At       time.Duration

	streams [3][]byte
}

// New begins a session as a recording holds it.
func New(keepSecrets bool) *Session {
	s := &Session{Transcript: &decode.Transcript{Source: decode.SourceRecording, Ended: true, SecretsKept: keepSecrets}}
	s.Dialogue.KeepSecrets = keepSecrets
	s.Bytes = func(_ who.Leg, side who.Party, span decode.Span) ([]byte, error) {
		return s.streams[side][span.Start:span.End], nil
	}
	return s
}

// Play goes through a script; other is told the lines that have no meaning here,
// and reports whether they have one to it.
func (s *Session) Play(text string, other func(Step) bool) *Session {
	for _, step := range Script(text) {
		s.At += time.Millisecond
		switch {
		case step.From != 0:
			s.Say(step.From, step.To, step.Said)
		case step.Word == "wait":
			pause, err := time.ParseDuration(step.Rest)
			if err != nil {
				panic(err) // scripts are part of the tests
			}
			s.At += pause
		case other != nil && other(step):
		case step.Word == "tls":
			s.Take(s.Dialogue.Secured(s.At))
		default:
			panic("no line of a script: " + step.Word + " " + step.Rest)
		}
	}
	return s
}

// Say lets one say bytes to another.
func (s *Session) Say(from, to who.Party, p []byte) {
	side := who.Client
	if from == who.Server || to == who.Client {
		side = who.Server
	}
	for len(p) > 0 {
		out := s.Dialogue.Feed(s.At, side, p)
		s.Take(out)
		p = p[out.N:]
	}
}

// Take adds what came out of the dialogue.
func (s *Session) Take(out decode.Out) {
	for _, e := range out.Events {
		s.Entries = append(s.Entries, decode.Entry{At: e.At, From: e.Side, To: e.Side.Other(), Event: &e})
	}
	for _, p := range out.Pieces {
		s.streams[p.Side] = append(s.streams[p.Side], p.Bytes...)
		if p.Mask != nil {
			s.streams[p.Side] = append(s.streams[p.Side], decode.MaskText...)
		}
	}
}

// Fact adds a fact.
func (s *Session) Fact(f facts.Fact) {
	s.Entries = append(s.Entries, decode.Entry{At: s.At, From: who.Smtptap, To: who.Smtptap, Fact: f})
}

// Close ends both directions.
func (s *Session) Close() *decode.Transcript {
	s.Take(s.Dialogue.Closed(s.At, who.Client))
	s.Take(s.Dialogue.Closed(s.At, who.Server))
	return s.Transcript
}
