package disk

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"radagora/fault"
)

// example is the pack that docs/format/pack.md shows: one object, one that was
// removed, and the index.
func example() []byte {
	h := head{id: uuid.MustParse("0198c0de-0001-7000-8000-000000000001"), salt: [16]byte([]byte("sixteen bytes :)"))}
	b := h.bytes()
	block := make([]byte, unit)
	var index []byte
	for _, o := range []struct {
		kind byte
		data string
	}{{object, "Every measurement stands beside its reference."}, {removed, "\x00\x00\x00"}} {
		r := record{offset: int64(len(b)), kind: o.kind, length: int64(len(o.data)), synced: int64(len(b))}
		if o.kind == object {
			r = r.of([]byte(o.data))
		}
		h.put(block, r)
		b, index = append(b, block...), append(index, block...)
		b = append(b, o.data...)
		b = append(b, make([]byte, aligned(r.length)-r.length)...)
	}
	end := int64(len(b))
	return append(append(b, index...), h.seal(seal{index: end, count: 2})...)
}

// TestDocumentedExample reads the hex dump in the document and compares.
func TestDocumentedExample(t *testing.T) {
	doc, err := os.ReadFile("../../docs/format/pack.md")
	if err != nil {
		t.Fatal(err)
	}
	var told []byte
	for _, m := range regexp.MustCompile(`(?m)^[0-9a-f]{4}  ((?:[0-9a-f]{2} ){15}[0-9a-f]{2})`).FindAllStringSubmatch(string(doc), -1) {
		b, err := hex.DecodeString(strings.ReplaceAll(m[1], " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		told = append(told, b...)
	}
	if diff := cmp.Diff(hex.Dump(told), hex.Dump(example())); diff != "" {
		t.Errorf("docs/format/pack.md (-document +code):\n%s", diff)
	}
	sc, ok := scanPack(bytes.NewReader(example()), int64(len(example())))
	if !ok || !sc.sealed || len(sc.records) != 2 || sc.records[0].kind != object || sc.records[1].kind != removed {
		t.Errorf("scan of the example = %+v", sc)
	}
}

// TestEitherCopyOfAHeaderWillDo damages the index and the records of a sealed
// pack in turn.
func TestEitherCopyOfAHeaderWillDo(t *testing.T) {
	whole := example()
	want, _ := scanPack(bytes.NewReader(whole), int64(len(whole)))
	for _, at := range []int64{want.end + 5, want.records[0].offset + 5} {
		b := bytes.Clone(whole)
		b[at] ^= 0xff
		got, ok := scanPack(bytes.NewReader(b), int64(len(b)))
		if diff := cmp.Diff(want.records, got.records, cmp.AllowUnexported(record{})); !ok || diff != "" {
			t.Errorf("byte %d damaged (-want +got):\n%s", at, diff)
		}
	}
}

// FuzzScan looks at any bytes as a pack. Nothing may crash, and what is called a
// record must lie within the file.
func FuzzScan(f *testing.F) {
	whole := example()
	f.Add(whole)
	f.Add(whole[:len(whole)-unit])
	f.Add(whole[:unit])
	f.Add(append(bytes.Clone(whole[:256]), whole...))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > unit { // let changes get behind the checks
			b = resum(bytes.Clone(b))
		}
		sc, ok := scanPack(bytes.NewReader(b), int64(len(b)))
		if !ok {
			return
		}
		at := int64(unit)
		for _, r := range sc.records {
			if r.offset != at || r.offset+unit+r.length > int64(len(b)) || r.length < 0 {
				t.Fatalf("record %+v at %d of %d", r, at, len(b))
			}
			at = r.next()
		}
		if at != sc.end {
			t.Errorf("end = %d; want %d", sc.end, at)
		}
	})
}

// resum puts right the checks of head and blocks, so that a fuzzer need not
// guess them.
func resum(b []byte) []byte {
	h, ok := parseHead(b)
	if !ok {
		return b
	}
	for at := unit; at+unit <= len(b); at += unit {
		if m := string(b[at : at+4]); m == recordMagic || m == sealMagic[:4] {
			s := h.sum(b[at:at+unit], int64(at))
			copy(b[at+60:], []byte{byte(s), byte(s >> 8), byte(s >> 16), byte(s >> 24)})
		}
	}
	return b
}

// TestWriteFails has the disk refuse in the middle of an object: the pack is cut
// back and goes on.
func TestWriteFails(t *testing.T) {
	left := 1 << 20
	o := Options{write: func(f *os.File, b []byte, at int64) (int, error) {
		if len(b) > left {
			n, _ := f.WriteAt(b[:left], at)
			return n, syscall.ENOSPC
		}
		left -= len(b)
		return f.WriteAt(b, at)
	}}
	dir := t.TempDir()
	s, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	w, _ := s.Create(t.Context())
	_, err = w.Write(make([]byte, 2<<20))
	if fault.Of(err) != fault.Exhausted || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Write = %v; want Exhausted", err)
	}
	if _, _, err := w.Finish(t.Context()); err == nil {
		t.Error("Finish after a failed Write succeeded")
	}
	if err := w.Abort(); err != nil {
		t.Error(err)
	}
	left = 1 << 20
	w, _ = s.Create(t.Context())
	_, _ = w.Write([]byte("there is room again"))
	r, durable, err := w.Finish(t.Context())
	if err != nil || durable(t.Context()) != nil || r.Offset != unit {
		t.Errorf("Finish = %v, %v; want an object right behind the head", r, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// TestSyncFails: after a failed sync nobody knows what the disk has, so the pack
// acknowledges nothing more and writers go elsewhere.
func TestSyncFails(t *testing.T) {
	s, err := Open(t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	put := func() (string, func(context.Context) error) {
		w, err := s.Create(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = w.Abort() }()
		_, _ = w.Write([]byte("x"))
		r, durable, err := w.Finish(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return r.Pack, durable
	}
	first, before := put()
	if err := before(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, after := put()
	_ = s.open[first].f.Close() // so that the sync fails
	if err := after(t.Context()); err == nil {
		t.Error("an object was acknowledged whose sync failed")
	}
	if err := before(t.Context()); err != nil {
		t.Errorf("what was durable is so no more: %v", err)
	}
	second, durable := put()
	if err := durable(t.Context()); second == first || err != nil {
		t.Errorf("the next went to pack %s, %v; want another pack", second, err)
	}
}
