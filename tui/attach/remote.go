package attach

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync"
	"time"

	"smtptap/decode"
	"smtptap/decode/outcome"
	"smtptap/decode/visible"
	"smtptap/recordings"
	"smtptap/recordings/transcript"
)

// A Remote is the sessions of another smtptap, as the screen reads them.
type Remote struct {
	*transcript.Set
	Hello  Hello // of the smtptap at the first connection
	client http.Client
	stop   context.CancelFunc
	ended  sync.WaitGroup
	copies copies
	skew   time.Duration // how far its clock is ahead

	size int // of what was heard of all sessions, in bytes

	mu   sync.Mutex
	live map[string]heard // sessions that run
}

// heard is the newest that was heard of a session.
type heard struct {
	transcript.Summary
	at time.Time
}

const (
	// maxHeard bounds what is held of sessions that the other smtptap tells of, in
	// bytes of what it said; mostLive those of which it is known how long they run.
	maxHeard = 256 << 20
	mostLive = 100_000
)

// retry is how long after a connection is lost, or not made, another is tried.
const retry = time.Second

// Dial connects to the smtptap at an address: that of a unix socket, or that of a
// TCP port where it knows the secret.
func Dial(ctx context.Context, network, addr string, secret Secret) (*Remote, error) {
	dialer, err := dialer(network, addr, secret)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "smtptap-attach-")
	if err != nil {
		return nil, err
	}
	folder, err := recordings.OpenFolder(dir)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	r := &Remote{Set: transcript.NewSet(transcript.Options{}), live: map[string]heard{}}
	r.client.Transport = &http.Transport{DialContext: dialer, DisableCompression: true, MaxResponseHeaderBytes: 16 << 10, ResponseHeaderTimeout: patience}
	r.client.CheckRedirect = func(*http.Request, []*http.Request) error { return errors.New("it leads elsewhere") }
	r.copies = copies{folder: folder, fetch: r.get, sizes: map[string]int64{}}
	ctx, r.stop = context.WithCancel(ctx)
	f, err := r.connect(ctx)
	if err != nil {
		r.Close()
		return nil, err
	}
	r.Hello, r.skew = f.hello, time.Until(f.hello.Now)
	r.ended.Go(func() { r.follow(ctx, f) })
	return r, nil
}

// dialer makes connections to an address, whatever name is asked for.
func dialer(network, addr string, secret Secret) (func(context.Context, string, string) (net.Conn, error), error) {
	plain := &net.Dialer{Timeout: patience}
	if network != "unix" {
		config, err := secret.TLS()
		secure := tls.Dialer{NetDialer: plain, Config: config}
		return func(ctx context.Context, _, _ string) (net.Conn, error) { return secure.DialContext(ctx, "tcp", addr) }, err
	}
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		conn, err := plain.DialContext(ctx, "unix", addr)
		if err == nil {
			err = checkOwner(conn)
		}
		if err != nil && conn != nil {
			conn.Close()
		}
		return conn, err
	}, nil
}

// Close ends the connection, and removes what was copied.
func (r *Remote) Close() {
	r.stop()
	r.ended.Wait()
	r.Set.Close()
	r.copies.remove()
}

// Now is the time by the other smtptap's clock.
func (r *Remote) Now() time.Time { return time.Now().Add(r.skew) }

// End ends a session that runs.
func (r *Remote) End(id string) error {
	resp, err := r.request(context.Background(), http.MethodPost, "/"+id+"/close", 0)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return said(resp)
	}
	return nil
}

// Summary is that of the i-th session now.
func (r *Remote) Summary(i int) transcript.Summary {
	sum := r.Set.Summary(i)
	r.mu.Lock()
	defer r.mu.Unlock()
	if h, live := r.live[sum.ID]; live && sum.Live {
		since := time.Since(h.at)
		sum.Took += since
		sum.Quiet += since
	}
	return sum
}

// Open copies what is new in the session's recording and reads it.
func (r *Remote) Open(id string) (*decode.Transcript, error) {
	if r.Set.Path(id) == r.copies.folder.Path(id) {
		if err := r.copies.update(id); err != nil {
			return nil, err
		}
	}
	return r.Set.Open(id)
}

// request asks for something below /sessions, for no more than longPatience.
func (r *Remote) request(ctx context.Context, method, path string, from int64) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://smtptap/sessions"+path, nil)
	if err != nil {
		return nil, err
	}
	if from > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", from))
	}
	resp, err := r.client.Do(req)
	if err != nil {
		var inner *url.Error
		if errors.As(err, &inner) {
			err = inner.Err // the address that it names is made up
		}
		var op *net.OpError
		if errors.As(err, &op) {
			err = op.Err
		}
		return nil, err
	}
	return resp, nil
}

// get asks for a recording from an offset on.
func (r *Remote) get(ctx context.Context, id string, from int64) (*http.Response, error) {
	return r.request(ctx, http.MethodGet, "/"+id, from)
}

// said is what the other smtptap says in place of an answer.
func said(resp *http.Response) error {
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 300))
	return errors.New(visible.Text(string(text)))
}

// A feed is what the other smtptap tells.
type feed struct {
	hello Hello
	lines *bufio.Scanner
	body  io.Closer
	alive *time.Timer // ends the feed
}

// connect begins to listen.
func (r *Remote) connect(ctx context.Context) (*feed, error) {
	ctx, cancel := context.WithCancel(ctx)
	f := &feed{alive: time.AfterFunc(silence, cancel)}
	resp, err := r.request(ctx, http.MethodGet, "", 0)
	if err != nil {
		cancel()
		return nil, err
	}
	f.body, f.lines = resp.Body, bufio.NewScanner(resp.Body)
	f.lines.Buffer(nil, maxLine)
	n, err := f.next()
	switch {
	case err != nil:
	case n.Hello == nil || n.Hello.Protocol == 0:
		err = errors.New("no smtptap answers there")
	case n.Hello.Protocol != protocol:
		err = fmt.Errorf("it is of another version: %s", visible.Text(n.Hello.Program))
	}
	if err != nil {
		cancel()
		f.body.Close()
		return nil, err
	}
	f.hello = *n.Hello
	return f, nil
}

// next waits for a line.
func (f *feed) next() (n news, err error) {
	if !f.lines.Scan() {
		return n, cmp.Or(f.lines.Err(), io.ErrUnexpectedEOF)
	}
	f.alive.Reset(silence)
	if err := json.Unmarshal(f.lines.Bytes(), &n); err != nil {
		return n, errors.New("what it says can't be read")
	}
	return n, nil
}

// follow listens until ctx is done, again and again where need be.
func (r *Remote) follow(ctx context.Context, f *feed) {
	instance := f.hello.Instance
	for {
		err := r.listen(f)
		f.body.Close()
		for f = nil; f == nil; f, err = r.connect(ctx) {
			st := r.State()
			st.Detached = visible.Text(err.Error())
			r.MirrorState(st)
			select {
			case <-ctx.Done():
				return
			case <-time.After(retry):
			}
		}
		if f.hello.Instance != instance {
			instance = f.hello.Instance
			r.abandon()
		}
	}
}

// listen takes what is told, until that ends.
func (r *Remote) listen(f *feed) error {
	for {
		n, err := f.next()
		if err != nil {
			return err
		}
		switch {
		case n.State != nil:
			n.State.Detached = ""
			if *n.State != r.State() {
				r.MirrorState(*n.State)
			}
		case n.Session != nil:
			before := r.Len()
			if err := r.take(*n.Session); err != nil {
				return err
			}
			if r.Len() > before {
				r.size += len(f.lines.Bytes())
			}
			if r.size > maxHeard {
				return errors.New("it tells of too many sessions")
			}
		}
	}
}

// take takes what is told of a session.
func (r *Remote) take(sum transcript.Summary) error {
	if !recordings.IsID(sum.ID) {
		return errors.New("it tells of a session without an id")
	}
	sum.Source = decode.SourceRecording
	r.mu.Lock()
	if sum.Live && len(r.live) < mostLive {
		r.live[sum.ID] = heard{sum, time.Now()}
	} else {
		delete(r.live, sum.ID)
	}
	r.mu.Unlock()
	r.Mirror(sum, r.copies.folder.Path(sum.ID))
	return nil
}

// abandon gives up the sessions that ran in a process that is no more.
func (r *Remote) abandon() {
	r.mu.Lock()
	left := r.live
	r.live = map[string]heard{}
	r.mu.Unlock()
	for _, h := range left {
		h.Live, h.Incomplete, h.Outcome = false, true, outcome.Unknown
		r.Mirror(h.Summary, r.copies.folder.Path(h.ID))
	}
}
