// Package store keeps recordings in an object store that speaks S3.
//
// Sessions are recorded into a folder of this machine, the spool, as into any other,
// and go to the store when they have ended. What did not get there yet waits in the
// spool, for the next start too. Who reads gets copies in a folder.
package store

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"smtptap/recordings"
)

const scheme = "s3://"

// Is reports whether a name means a place in a store, not a folder.
func Is(name string) bool { return strings.HasPrefix(name, scheme) }

// A Store is a place for recordings in a bucket.
type Store struct {
	client *minio.Client
	bucket string
	prefix string // of keys; "" or ending in a slash
	folder string // on this machine, for spool and copies
}

// Open reads s3://BUCKET/PREFIX. The server and the key are those of the AWS variables
// (AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, ...) and files. It asks the server nothing.
func Open(name string) (*Store, error) {
	u, err := url.Parse(name)
	if err != nil || !Is(name) || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("not s3://BUCKET/PREFIX")
	}
	variable := "AWS_ENDPOINT_URL_S3"
	if os.Getenv(variable) == "" {
		variable = "AWS_ENDPOINT_URL"
	}
	endpoint, err := url.Parse(cmp.Or(os.Getenv(variable), "https://s3.amazonaws.com"))
	if err != nil || endpoint.Scheme != "http" && endpoint.Scheme != "https" || endpoint.Host == "" {
		return nil, fmt.Errorf("%s: not a URL such as https://s3.example.com", variable)
	}
	client, err := minio.New(endpoint.Host, &minio.Options{
		Secure: endpoint.Scheme == "https", Region: cmp.Or(os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION")), MaxRetries: 2,
		Creds: credentials.NewChainCredentials([]credentials.Provider{&credentials.EnvAWS{}, &credentials.FileAWSCredentials{}, &credentials.IAM{Client: &http.Client{Timeout: 2 * time.Second}}}),
	})
	if err != nil {
		return nil, err
	}
	usual, err := recordings.DefaultFolder()
	if err != nil {
		return nil, err
	}
	s := &Store{client: client, bucket: u.Host, prefix: strings.Trim(u.Path, "/")}
	s.folder = filepath.Join(filepath.Dir(usual), "s3", url.QueryEscape(endpoint.Host+"/"+s.bucket+"/"+s.prefix))
	if s.prefix != "" {
		s.prefix += "/"
	}
	return s, nil
}

// Spool is the folder of what is to go to the store.
func (s *Store) Spool() string { return filepath.Join(s.folder, "spool") }
