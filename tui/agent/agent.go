// Package agent is smtptap for coding agents: a server of the Model Context
// Protocol. Its tools answer from recordings, pasted logs, servers and programs,
// redacted, and in pages that fit a context window.
package agent

import (
	"context"
	_ "embed"
	"io"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"smtptap/decode"
	"smtptap/decode/lang"
	"smtptap/recordings/query"
	"smtptap/recordings/redact"
	"smtptap/recordings/transcript"
)

//go:embed words.toml
var wordTexts []byte

// words are what the agent reads about the tools, and around their answers.
var words = lang.NewTexts(wordTexts)

// Options are what the tools work on.
type Options struct {
	Version string
	Lang    lang.Lang
	Redact  redact.Levels // what answers leave out besides passwords

	List    func(match *query.Filter, most int) ([]transcript.Summary, error)
	Load    func(ref string) (*decode.Transcript, error)
	Check   func(ctx context.Context, target string, w io.Writer) error
	Run     func(ctx context.Context, c Command, output io.Writer) (Ran, error)
	OneLine func(error) string // says an error in one line that is safe to show
}

// A Command is a program to run with its mail going through smtptap.
type Command struct {
	Argv    []string `json:"command"`
	To      string   `json:"to,omitempty"`
	Env     []string `json:"env,omitempty"`
	Rules   []string `json:"rules,omitempty"`
	Seconds int      `json:"seconds,omitempty"`
}

// Ran is what a Command came to.
type Ran struct {
	Status   int                  // its exit status, as shells tell it
	Stopped  bool                 // it took too long
	Sessions []*decode.Transcript // in the order in which they began
}

// New returns a server. What its tools still do ends with ctx: the protocol does
// not say so when a client just leaves.
func New(ctx context.Context, o Options) *mcp.Server {
	s := &server{o, ctx, mcp.NewServer(&mcp.Implementation{Name: "smtptap", Version: o.Version},
		&mcp.ServerOptions{Instructions: words.Say(o.Lang, "instructions")})}
	s.mcp.AddReceivingMiddleware(s.oneLine)
	reads := mcp.ToolAnnotations{ReadOnlyHint: true, OpenWorldHint: new(bool)}
	add(s, "list", reads, s.list)
	add(s, "show", reads, s.show)
	add(s, "explain", reads, s.explain)
	add(s, "findings", reads, s.findings)
	add(s, "diff", reads, s.diff)
	add(s, "check", mcp.ToolAnnotations{ReadOnlyHint: true}, s.check)
	add(s, "run", mcp.ToolAnnotations{}, s.run)
	return s.mcp
}

type server struct {
	Options
	ctx context.Context
	mcp *mcp.Server
}

func (s *server) say(key string, filling ...string) string { return words.Say(s.Lang, key, filling...) }

// add adds a tool that writes its answer. What it does and what its
// arguments mean is in words.toml, under their names.
func add[In paged](s *server, name string, hints mcp.ToolAnnotations, do func(context.Context, In, io.Writer) error) {
	schema, err := jsonschema.For[In](nil)
	if err != nil {
		panic("the arguments of " + name + ": " + err.Error())
	}
	for argument, about := range schema.Properties {
		about.Description, _ = words.Find(s.Lang, argument)
	}
	tool := &mcp.Tool{Name: name, Description: s.say(name), InputSchema: schema, Annotations: &hints}
	mcp.AddTool(s.mcp, tool, func(ctx context.Context, _ *mcp.CallToolRequest, in In) (*mcp.CallToolResult, any, error) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(s.ctx, cancel)()
		answer := in.window()
		if err := do(ctx, in, answer); err != nil {
			return nil, nil, err
		}
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: s.page(answer)}}}, nil, nil
	})
}

// oneLine makes what a tool says of its failure, or the library of its arguments,
// one line.
func (s *server) oneLine(next mcp.MethodHandler) mcp.MethodHandler {
	return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
		result, err := next(ctx, method, req)
		if r, ok := result.(*mcp.CallToolResult); ok && err == nil && r.GetError() != nil {
			r.Content = []mcp.Content{&mcp.TextContent{Text: strings.TrimPrefix(s.OneLine(r.GetError()), "smtptap: ")}}
		}
		return result, err
	}
}
