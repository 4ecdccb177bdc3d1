package backup_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"radagora/backup"
	"radagora/blob/s3"
	"radagora/blob/s3/s3test"
	"radagora/db/dbtest"
)

// A liar is a line over which some of what is read back of the database is not what was
// written.
type liar struct{ flips atomic.Int64 }

func (l *liar) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err == nil && r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/continuous/") && l.flips.Add(-1) >= 0 {
		text, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || len(text) == 0 {
			return nil, errLine
		}
		text[len(text)/2] ^= 1
		answer.Body = io.NopCloser(bytes.NewReader(text))
	}
	return answer, err
}

// TestContinuousToBucket copies continuously into an object store, over a line that lies
// now and then, and restores on another machine: nothing that was lied about is missing.
func TestContinuousToBucket(t *testing.T) {
	place := s3test.Bucket(t)
	line := &liar{}
	open := func(via http.RoundTripper) *backup.Bucket {
		to, err := backup.OpenBucket(place, s3.Options{Key: s3test.Key, Secret: s3test.Secret, Transport: via, Timeout: 20 * time.Second})
		check(t, err)
		return to
	}
	i := install(t, "")
	secret, config := for1(t)
	k := i.keeper(t, t.TempDir(), config, func(c *backup.Config) { c.Target, c.Now, c.Journal = open(line), time.Now, nil })
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- (&backup.Stream{Keeper: k, File: filepath.Join(i.data, backup.SQLiteFile), Every: 300 * time.Millisecond}).Run(ctx)
	}()
	i.put(t, 30, 20_000)
	time.Sleep(1500 * time.Millisecond)
	line.flips.Store(3)
	i.put(t, 30, 20_000)
	time.Sleep(2500 * time.Millisecond)
	stop()
	check(t, <-ended)
	if line.flips.Load() >= 3 {
		t.Error("nothing of the database was read back")
	}
	want := rowsOf(t, i.db)
	check(t, i.store.Close())

	s, err := backup.OpenSource(t.Context(), open(http.DefaultTransport), secret, k.Fingerprint())
	check(t, err)
	m, err := s.Tail(t.Context())
	check(t, err)
	r := &backup.Restore{Source: s, Backup: m, Data: filepath.Join(t.TempDir(), "new"), Rooms: rooms}
	done, err := r.Run(t.Context())
	check(t, err)
	check(t, r.Open())
	got := rowsOf(t, dbtest.Open(t, done.DSN))
	for _, table := range []string{"_litestream_seq", "_litestream_lock"} {
		delete(want, table)
		delete(got, table)
	}
	if diff := cmp.Diff(want, got); diff != "" || len(got["journal_entry"]) != 60 {
		t.Errorf("%d entries; rows differ (-source +restored):\n%.2000s", len(got["journal_entry"]), diff)
	}
	if diff := cmp.Diff(objectsOf(t, i.data), objectsOf(t, r.Data)); diff != "" {
		t.Errorf("objects differ (-source +restored):\n%.2000s", diff)
	}
}
