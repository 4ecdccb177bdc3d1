package disk_test

import (
	"context"
	"path/filepath"
	"testing"

	"radagora/blob"
	"radagora/blob/blobtest"
	"radagora/blob/disk"
	"radagora/fault"
)

func TestCompact(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, disk.Options{PackSize: 40_000})
	index := map[blob.Ref]uint64{} // what a caller keeps
	for i := range uint64(20) {
		index[blobtest.Put(t, s, blobtest.Bytes(i, 10_000))] = i
	}
	if err := s.Close(); err != nil { // all packs but the last are sealed now
		t.Fatal(err)
	}
	s = open(t, dir, disk.Options{PackSize: 40_000})
	var held blob.Object
	for r, i := range index {
		switch {
		case i < 3 || i == 8: // three of four in the first pack, one in the third
			if err := s.Remove(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			delete(index, r)
		case i == 3: // read by somebody all the while
			held, _ = s.Open(t.Context(), r)
			defer held.Close()
		}
	}
	before, _ := filepath.Glob(filepath.Join(dir, "*.pack"))
	move := func(_ context.Context, from, to blob.Ref) (bool, error) {
		i, used := index[from]
		delete(index, from)
		if used {
			index[to] = i
		}
		return used, nil
	}
	if sum, err := s.Compact(t.Context(), 0.5, move); err != nil || sum.Packs != 1 || sum.Objects != 1 {
		t.Errorf("Compact = %+v, %v; want one pack with one object", sum, err)
	}
	if after, _ := filepath.Glob(filepath.Join(dir, "*.pack")); len(after) != len(before)-1 {
		t.Errorf("%d sealed packs; want one less than %d", len(after), len(before))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, disk.Options{})
	if len(index) != 16 {
		t.Errorf("%d references; want 16", len(index))
	}
	for r, i := range index {
		got, err := blobtest.Get(t.Context(), s, r)
		if err != nil || string(got) != string(blobtest.Bytes(i, 10_000)) {
			t.Errorf("object %d: %d bytes, %v", i, len(got), err)
		}
	}
	if n, err := held.ReadAt(make([]byte, 10_000), 0); n != 10_000 && err != nil {
		t.Errorf("a reader of the deleted pack got %d bytes, %v", n, err)
	}
}

func TestCompactLeavesNoCopyOfWhatNobodyKeeps(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, disk.Options{PackSize: 5000})
	gone, forgotten := blobtest.Put(t, s, blobtest.Bytes(1, 3000)), blobtest.Put(t, s, blobtest.Bytes(2, 3000))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, disk.Options{PackSize: 5000})
	if err := s.Remove(t.Context(), gone); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Compact(t.Context(), 0.1, func(context.Context, blob.Ref, blob.Ref) (bool, error) { return false, nil }); err != nil {
		t.Fatal(err)
	}
	for r, err := range s.List(t.Context()) {
		t.Errorf("left: %v, %v", r, err)
	}
	if _, err := s.Open(t.Context(), forgotten); fault.Of(err) != fault.NotFound {
		t.Errorf("Open = %v; want NotFound", err)
	}
}
