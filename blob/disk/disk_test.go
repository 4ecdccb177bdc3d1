package disk_test

import (
	"strings"
	"testing"
	"time"

	"radagora/blob"
	"radagora/blob/blobtest"
	"radagora/blob/disk"
	"radagora/fault"
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

// TestBeside reads what another store keeps, of packs that are open and of those that are
// sealed meanwhile, and changes nothing.
func TestBeside(t *testing.T) {
	dir := t.TempDir()
	keeps := open(t, dir, disk.Options{})
	if _, err := disk.OpenBeside(dir+"/none", disk.Options{}); fault.Of(err) != fault.NotFound {
		t.Errorf("no folder: %v", err)
	}
	beside, err := disk.OpenBeside(dir, disk.Options{})
	if err != nil {
		t.Fatal(err)
	}
	put := func(text string) blob.Ref {
		t.Helper()
		return blobtest.Put(t, keeps, []byte(text))
	}
	first := put("before")
	if err := blob.Verify(t.Context(), beside, first); err != nil {
		t.Errorf("of an open pack: %v", err)
	}
	if n := keeps.SealOld(time.Now().Add(time.Hour), 0); n != 1 {
		t.Fatalf("sealed %d packs", n)
	}
	for _, r := range []blob.Ref{first, put("after")} {
		if err := blob.Verify(t.Context(), beside, r); err != nil {
			t.Errorf("%d bytes, one of a sealed pack: %v", r.Length, err)
		}
	}
	_, create := beside.Create(t.Context())
	_, compact := beside.Compact(t.Context(), 0, nil)
	for what, err := range map[string]error{
		"create": create, "compact": compact, "remove": beside.Remove(t.Context(), first),
		"put a pack": beside.PutPack(t.Context(), first.Pack, strings.NewReader(""), 0), "drop a pack": beside.DropPack(t.Context(), first.Pack),
	} {
		if fault.Of(err) != fault.Conflict {
			t.Errorf("%s: %v; want a conflict", what, err)
		}
	}
	if n := beside.SealOld(time.Now().Add(time.Hour), 0); n != 0 {
		t.Errorf("sealed %d packs of another", n)
	}
	if err := beside.Close(); err != nil {
		t.Error(err)
	}
	if err := blob.Verify(t.Context(), keeps, first); err != nil {
		t.Errorf("after it was closed: %v", err)
	}
}
