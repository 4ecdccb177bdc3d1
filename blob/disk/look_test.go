package disk

import (
	"bytes"
	"context"
	"crypto/rand"
	"os"
	"path/filepath"
	"testing"

	"radagora/blob"
	"radagora/fault"
)

func putOne(t *testing.T, s *Store, b []byte) blob.Ref {
	t.Helper()
	w, err := s.Create(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	r, durable, err := w.Finish(t.Context())
	if err == nil {
		err = durable(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func only(t *testing.T, dir string) *Pack {
	t.Helper()
	all, err := Stands(dir)
	if err != nil || len(all) != 1 {
		t.Fatalf("Stands = %v, %v; want one pack", all, err)
	}
	p, err := OpenPack(dir, all[0].Pack)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// TestLookBesideAnOpenStore copies a pack that another holds open, and finds that a
// removed object is gone from the copy and from the shape of its place only.
func TestLookBesideAnOpenStore(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	one, two := make([]byte, 5000), make([]byte, 7000)
	_, _ = rand.Read(one)
	_, _ = rand.Read(two)
	first, second := putOne(t, s, one), putOne(t, s, two)
	before := only(t, dir)
	if before.Sealed || before.Objects != 2 || before.Size != second.Offset+unit+aligned(second.Length) {
		t.Errorf("OpenPack = %+v", before)
	}
	was, other := before.Shape(0, second.Offset), before.Shape(second.Offset, before.Size)

	// What a crash between the mark and the hole leaves: the bytes are still there.
	f, _, err := s.openInPlace(first.Pack)
	if err != nil {
		t.Fatal(err)
	}
	rec, _ := before.sc.head.record(readBlock(f, first.Offset), first.Offset, before.Size)
	rec.kind, rec.sha256, rec.crc = removed, [32]byte{}, 0
	if err := s.mark(f, before.sc.head, rec, false); err != nil {
		t.Fatal(err)
	}
	f.Close()
	after := only(t, dir)
	if after.Shape(0, second.Offset) == was {
		t.Error("the shape does not tell that an object was removed")
	}
	if after.Shape(second.Offset, after.Size) != other {
		t.Error("the shape of another place changed")
	}
	whole := make([]byte, after.Size)
	if err := after.ReadAt(whole, 0); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(whole, one[:16]) || !bytes.Contains(whole, two) {
		t.Error("the copy holds what was removed, or not what was kept")
	}
	part := make([]byte, 100) // begins and ends inside the removed object
	if err := after.ReadAt(part, first.Offset+unit+1000); err != nil || !bytes.Equal(part, make([]byte, 100)) {
		t.Errorf("ReadAt inside a removed object: %v, %x", err, part[:8])
	}
	if err := after.ReadAt(part, after.Size-50); fault.Of(err) != fault.Internal {
		t.Errorf("ReadAt beyond the end = %v", err)
	}
}

func TestLookAtASealedPack(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir, Options{PackSize: 1000})
	if err != nil {
		t.Fatal(err)
	}
	r := putOne(t, s, bytes.Repeat([]byte("x"), 2000))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	p := only(t, dir)
	index := p.Shape(p.sc.end, p.Size)
	if !p.Sealed || p.Objects != 1 {
		t.Errorf("OpenPack = %+v; want it sealed", p.Stand)
	}
	n := 0
	if err := p.Verify(t.Context(), func(_ blob.Ref, err error) error { n++; return err }); err != nil || n != 1 {
		t.Errorf("Verify: %d objects, %v", n, err)
	}
	name := filepath.Join(dir, FileName(r.Pack, true))
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	b[r.Offset+unit+3] ^= 1
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := only(t, dir).Verify(t.Context(), func(_ blob.Ref, err error) error { return err }); err == nil {
		t.Error("Verify does not notice damage")
	}
	b[r.Offset+unit+3] ^= 1
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(dir, Options{}); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Remove(context.Background(), r); err != nil {
		t.Fatal(err)
	}
	if q := only(t, dir); q.Removed != 1 || q.Shape(q.sc.end, q.Size) == index {
		t.Errorf("after Remove: %d removed; the index must have another shape", q.Removed)
	}
	if _, err := OpenPack(dir, "../lock"); fault.Of(err) != fault.NotFound {
		t.Errorf("OpenPack of a path = %v", err)
	}
}
