package disk_test

import (
	"testing"

	"radagora/blob"
	"radagora/blob/blobtest"
	"radagora/blob/disk"
)

func open(t testing.TB, dir string, o disk.Options) *disk.Store {
	t.Helper()
	s, err := disk.Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestStore(t *testing.T) {
	blobtest.Run(t, func(t *testing.T) blob.Store { return open(t, t.TempDir(), disk.Options{}) })
}

func TestSmallPacks(t *testing.T) {
	blobtest.Run(t, func(t *testing.T) blob.Store {
		return open(t, t.TempDir(), disk.Options{PackSize: 100_000, Files: 1})
	})
}

func TestPacks(t *testing.T) {
	blobtest.RunPacks(t, func(t *testing.T) (from, to blob.Packs) {
		return open(t, t.TempDir(), disk.Options{PackSize: 5000}), open(t, t.TempDir(), disk.Options{})
	})
}
