package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"smtptap/decode/visible"
	"smtptap/recordings"
	"smtptap/recordings/store"
)

const (
	// fetching is how long copies of a store's recordings may take.
	fetching = 10 * time.Minute
	// storing is how long the end of smtptap waits for the last recordings to get to
	// the store.
	storing = 10 * time.Second
)

func openStore(name string) (*store.Store, error) {
	s, err := store.Open(name)
	if err != nil {
		return nil, usage(fmt.Errorf("--record %s: %w", shown(name), err))
	}
	return s, nil
}

// copies is a folder with copies of a store's recordings, of all or of those that ref
// may mean.
func copies(name string, ref *string) (string, error) {
	s, err := openStore(name)
	if err != nil {
		return "", err
	}
	ctx, stop := context.WithTimeout(context.Background(), fetching)
	defer stop()
	dir, err := s.Copies(ctx, ref)
	if err != nil {
		return "", fmt.Errorf("--record %s: %w", shown(name), err)
	}
	return dir, nil
}

// upload begins to take what is recorded into the spool to the store.
func (f *serveFlags) upload(s *store.Store, spool *recordings.Folder, log zerolog.Logger) {
	f.uploading = s.Upload(spool, func(err error) {
		if err != nil {
			log.Warn().Str("error", visible.Text(err.Error())).Str("spool", spool.Dir()).Msg("recordings don't get to the store; they wait in the spool")
			return
		}
		log.Info().Msg("recordings get to the store again")
	})
}

// finishUpload takes the last recordings to the store.
func (f *serveFlags) finishUpload(log zerolog.Logger) {
	if f.uploading == nil {
		return
	}
	if left := f.uploading.Close(storing); left > 0 {
		log.Warn().Int("recordings", left).Msg("recordings wait in the spool for the next start with the same --record")
	}
}
