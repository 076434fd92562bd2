package attach

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"sync"

	"smtptap/recordings"
)

// maxCopies bounds what is kept of copied recordings, in bytes: the oldest copies
// go. A longer recording is copied that far.
const maxCopies = 1 << 30

// copies are recordings as far as they were copied from the other smtptap.
type copies struct {
	folder *recordings.Folder
	fetch  func(ctx context.Context, id string, from int64) (*http.Response, error)

	mu    sync.Mutex
	sizes map[string]int64
	order []string // ids, the newest last
	total int64
}

// update copies what a recording has more than its copy. While the other smtptap
// does not answer, the copy stays what it is.
func (c *copies) update(id string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), longPatience)
	defer cancel()
	size := c.sizes[id]
	resp, err := c.fetch(ctx, id, size)
	if err != nil {
		if size > 0 {
			return nil
		}
		return err
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusPartialContent && resp.Header.Get("Content-Range") != "" && size > 0:
	case resp.StatusCode == http.StatusOK:
		c.drop(id)
	case resp.StatusCode == http.StatusRequestedRangeNotSatisfiable:
		if resp.Header.Get("Content-Range") == fmt.Sprintf("bytes */%d", size) {
			return nil // there is nothing new
		}
		c.drop(id) // it was begun anew
		return fmt.Errorf("the recording was cut on the other side")
	case size > 0:
		return nil
	default:
		return said(resp)
	}
	return c.add(id, resp.Body)
}

// add puts what r gives at the end of a copy. What fails to come is asked for the
// next time.
func (c *copies) add(id string, r io.Reader) error {
	open := c.folder.Append
	if c.sizes[id] == 0 {
		open = c.folder.Create
		c.order = append(c.order, id)
	}
	f, err := open(id)
	if err != nil {
		return err
	}
	n, _ := io.Copy(f, io.LimitReader(r, maxCopies-c.sizes[id]))
	c.sizes[id] += n
	c.total += n
	if c.sizes[id] == 0 {
		c.drop(id)
	}
	for len(c.order) > 1 && c.total > maxCopies {
		oldest := c.order[0]
		if oldest == id {
			oldest = c.order[1]
		}
		c.drop(oldest)
	}
	return f.Close()
}

func (c *copies) drop(id string) {
	c.folder.Remove(id)
	c.total -= c.sizes[id]
	delete(c.sizes, id)
	c.order = slices.DeleteFunc(c.order, func(other string) bool { return other == id })
}

// remove removes all copies.
func (c *copies) remove() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.folder.Close()
	os.RemoveAll(c.folder.Dir())
}
