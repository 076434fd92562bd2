package store

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"

	"smtptap/recordings"
)

// Copies brings recordings of the store into a folder of this machine, unless they are
// there, and returns the folder. ref says which, as in recordings.Find; all if it is nil.
func (s *Store) Copies(ctx context.Context, ref *string) (dir string, err error) {
	dir = filepath.Join(s.folder, "copies")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	found, err := s.list(ctx)
	if err != nil {
		return "", err
	}
	if err := forget(dir, found); err != nil {
		return "", err
	}
	wanted := found
	if ref != nil {
		wanted = named(found, *ref)
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	each(wanted, func(o minio.ObjectInfo) {
		if ctx.Err() != nil || isCopy(dir, o) {
			return
		}
		if err := s.get(ctx, dir, o); err != nil {
			stop(err)
		}
	})
	return dir, context.Cause(ctx)
}

// list are the recordings of the store by name; Key is the name of the file.
func (s *Store) list(ctx context.Context) (found []minio.ObjectInfo, err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	for o := range s.client.ListObjects(ctx, s.bucket, minio.ListObjectsOptions{Prefix: s.prefix}) {
		if o.Err != nil {
			return nil, o.Err
		}
		o.Key = strings.TrimPrefix(o.Key, s.prefix)
		// Whoever writes into the bucket chooses names.
		if strings.HasSuffix(o.Key, recordings.Ext) && filepath.IsLocal(o.Key) && filepath.Base(o.Key) == o.Key && o.Key[0] != '.' {
			found = append(found, o)
		}
	}
	return found, nil
}

// named are those that ref may mean. Names sort by time, so the last is the latest.
func named(found []minio.ObjectInfo, ref string) (hits []minio.ObjectInfo) {
	if len(found) > 0 && (ref == "" || ref == "latest") {
		return found[len(found)-1:]
	}
	ref = strings.TrimSuffix(ref, recordings.Ext)
	for _, o := range found {
		id := strings.TrimSuffix(o.Key, recordings.Ext)
		if strings.HasPrefix(id, ref) || strings.HasPrefix(recordings.ShortID(id), ref) {
			hits = append(hits, o)
		}
	}
	return hits
}

// isCopy reports whether the folder has the object as it is.
func isCopy(dir string, o minio.ObjectInfo) bool {
	info, err := os.Stat(filepath.Join(dir, o.Key))
	return err == nil && info.Size() == o.Size && info.ModTime().Equal(o.LastModified.Truncate(time.Second))
}

// forget removes copies of what the store does not hold any more.
func forget(dir string, found []minio.ObjectInfo) error {
	there := map[string]bool{}
	for _, o := range found {
		there[o.Key] = true
	}
	files, err := os.ReadDir(dir)
	for _, f := range files {
		if !there[f.Name()] && strings.HasSuffix(f.Name(), recordings.Ext) {
			err = errors.Join(err, os.Remove(filepath.Join(dir, f.Name())))
		}
	}
	return err
}

// get makes the copy of an object. It has its name only when it is whole.
func (s *Store) get(ctx context.Context, dir string, o minio.ObjectInfo) error {
	body, err := s.client.GetObject(ctx, s.bucket, s.prefix+o.Key, minio.GetObjectOptions{})
	if err != nil {
		return err
	}
	defer body.Close()
	f, err := os.CreateTemp(dir, ".copy-")
	if err != nil {
		return err
	}
	_, err = io.Copy(f, body)
	modified := o.LastModified.Truncate(time.Second)
	if err = errors.Join(err, f.Close()); err == nil {
		if err = os.Chtimes(f.Name(), modified, modified); err == nil {
			err = os.Rename(f.Name(), filepath.Join(dir, o.Key))
		}
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}
