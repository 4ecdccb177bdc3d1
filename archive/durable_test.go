package archive_test

import (
	"context"
	"errors"
	"testing"

	"radagora/archive"
	"radagora/blob"
	"radagora/blob/disk"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/dicom/uid"
	"radagora/fault"
)

// A slowDisk keeps objects on disk; when they are durable it says what sync does.
type slowDisk struct {
	*disk.Store
	sync func() error
}

func (s slowDisk) Create(ctx context.Context) (blob.Writer, error) {
	w, err := s.Store.Create(ctx)
	return slowWriter{w, s.sync}, err
}

type slowWriter struct {
	blob.Writer
	sync func() error
}

func (w slowWriter) Finish(ctx context.Context) (blob.Ref, func(context.Context) error, error) {
	ref, durable, err := w.Writer.Finish(ctx)
	return ref, func(ctx context.Context) error { return errors.Join(w.sync(), durable(ctx)) }, err
}

// TestNoBytesNoRow: bytes and row become durable side by side, but a row is not there
// before its bytes are, and not at all if they are not.
func TestNoBytesNoRow(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		asked, answer := make(chan struct{}), make(chan error)
		b := newBench(t, d, t.TempDir(), func(c *archive.Config) {
			packs, _ := c.Blobs.(*disk.Store)
			c.Blobs = slowDisk{packs, func() error { asked <- struct{}{}; return <-answer }}
		})
		broken := fault.Errorf(fault.Unavailable, "the disk does not answer")
		for _, want := range []error{broken, nil} {
			stored := make(chan error, 1)
			go func() {
				_, err := b.store(t.Context(), thing{study: 1, series: 1, instance: 1, pixels: 1000}.arrival(t))
				stored <- err
			}()
			<-asked
			if _, err := b.Study(t.Context(), site, uid.Must("1.2.3.1")); fault.Of(err) != fault.NotFound {
				t.Errorf("study before its bytes are durable: %v; want NotFound", err)
			}
			answer <- want
			if err := <-stored; !errors.Is(err, want) {
				t.Errorf("store: %v; want %v", err, want)
			}
			_, err := b.Study(t.Context(), site, uid.Must("1.2.3.1"))
			if found := err == nil; found != (want == nil) {
				t.Errorf("study when the disk had said %v: %v", want, err)
			}
		}
	})
}
