package recordings

import (
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"
)

// pulsePrefix begins the names of the files by which recorders show that they
// are at work. A recorder's id follows.
const pulsePrefix = ".recorder-"

const (
	// beat is how often a recorder at work writes to its file.
	beat = time.Second
	// silence is how long a recorder at work may be without a beat.
	silence = 5 * time.Second
	// stale is how long the file of a recorder that was killed stays.
	stale = time.Minute
)

// A Pulse shows the readers of a folder that sessions are being recorded in it:
// while they run, a file named after the recorder is written to every second.
// That works wherever the folder is shared, and ends with the program however it
// ends.
type Pulse struct {
	folder  *Folder
	id      string
	busy    func() bool
	closed  chan struct{}
	closing sync.Once
	running sync.WaitGroup

	mu      sync.Mutex
	beating bool
}

// NewPulse returns the pulse of a recorder, which does not beat yet. It will
// beat for as long as busy reports that sessions run.
func (f *Folder) NewPulse(busy func() bool) *Pulse {
	return &Pulse{folder: f, id: NewID(time.Now()), busy: busy, closed: make(chan struct{})}
}

// ID names the recorder in the headers of its recordings.
func (p *Pulse) ID() string { return p.id }

// Start makes the pulse beat, the first time before it returns. Call it while
// busy, before a recording is begun.
func (p *Pulse) Start() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.beating {
		p.beating = true
		p.beat()
		p.running.Go(p.run)
	}
}

// Close ends the pulse.
func (p *Pulse) Close() {
	p.closing.Do(func() { close(p.closed) })
	p.running.Wait()
}

func (p *Pulse) run() {
	p.tidy()
	t := time.NewTicker(beat)
	defer t.Stop()
	for over := false; p.again(over); {
		select {
		case <-t.C:
		case <-p.closed:
			over = true
		}
	}
}

// again beats once more, or takes the file away when no session runs.
func (p *Pulse) again(over bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.beating = !over && p.busy(); p.beating {
		p.beat()
	} else {
		p.folder.opened().Remove(pulsePrefix + p.id)
	}
	return p.beating
}

// beat writes to the file, so that the file system gives it its own time. What
// keeps it from that keeps the recorder from recording too, which tells of it.
func (p *Pulse) beat() {
	f, err := p.folder.opened().open(pulsePrefix+p.id, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return
	}
	f.WriteString("sessions are being recorded here\n")
	f.Close()
}

// tidy takes away what recorders left that were killed. It compares times of
// the file system with each other.
func (p *Pulse) tidy() {
	root := p.folder.opened()
	own, err := root.Lstat(pulsePrefix + p.id)
	if err != nil {
		return
	}
	names, err := os.ReadDir(p.folder.dir)
	if err != nil {
		return
	}
	for _, e := range names {
		if !strings.HasPrefix(e.Name(), pulsePrefix) {
			continue
		}
		if info, err := root.Lstat(e.Name()); err == nil && own.ModTime().Sub(info.ModTime()) > stale {
			root.Remove(e.Name())
		}
	}
}

// heard remembers the pulses that were listened to in this process, by path.
var heard = struct {
	sync.Mutex
	beats map[string]lastBeat
}{beats: map[string]lastBeat{}}

// A lastBeat is the newest one of a pulse.
type lastBeat struct {
	at   time.Time // by the clock of the file system
	seen time.Time // by that of this machine; zero when it was there at the first look
}

// Running reports whether a recorder, as a recording's header names it, records
// sessions in dir now. Where the clocks of two machines differ by seconds, that
// takes a second look a beat later.
func Running(dir, recorder string) bool {
	if _, ok := parseID(recorder); !ok {
		return false
	}
	path := dir + string(os.PathSeparator) + pulsePrefix + recorder
	info, err := os.Lstat(path)
	heard.Lock()
	defer heard.Unlock()
	if err != nil || info.Mode()&fs.ModeType != 0 {
		delete(heard.beats, path)
		return false
	}
	now := time.Now()
	last, known := heard.beats[path]
	if !known || !info.ModTime().Equal(last.at) {
		last = lastBeat{at: info.ModTime()}
		if known {
			last.seen = now
		}
		heard.beats[path] = last
	}
	return now.Sub(last.at).Abs() < silence || now.Sub(last.seen) < silence
}
