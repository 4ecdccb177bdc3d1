package disk_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"radagora/blob"
	"radagora/blob/blobtest"
	"radagora/blob/disk"
	"radagora/fault"
)

// file returns the only pack in dir with the extension.
func file(t *testing.T, dir, ext string) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*"+ext))
	if err != nil || len(names) != 1 {
		t.Fatalf("packs %v, %v; want one", names, err)
	}
	return names[0]
}

func size(t *testing.T, name string) int64 {
	t.Helper()
	fi, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	return fi.Size()
}

// stage makes a pack with three acknowledged objects and one more on top that
// was written and never acknowledged. It returns the bytes of the file, where
// the acknowledged part ends, and what is acknowledged.
func stage(t *testing.T, last int) (name string, pack []byte, acked int64, refs []blob.Ref, extra blob.Ref) {
	t.Helper()
	dir := t.TempDir()
	s := open(t, dir, disk.Options{})
	for i := range 3 {
		refs = append(refs, blobtest.Put(t, s, blobtest.Bytes(uint64(i), 700+i)))
	}
	name = file(t, dir, ".open")
	acked = size(t, name)
	extra = blobtest.Put(t, s, blobtest.Bytes(9, last)) // the waiting is of no consequence here
	pack, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Base(name), pack, acked, refs, extra
}

// reopen opens a store over a pack of those bytes, expects every acknowledged
// object, takes another, closes, opens and expects them all.
func reopen(t *testing.T, name string, pack []byte, refs []blob.Ref) (*disk.Store, disk.Recovery) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), pack, 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir, disk.Options{})
	r := s.Recovered()
	if len(r) != 1 {
		t.Fatalf("Recovered %v; want one pack", r)
	}
	more := blobtest.Put(t, s, blobtest.Bytes(77, 5000))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, disk.Options{})
	for i, ref := range refs {
		got, err := blobtest.Get(t.Context(), s, ref)
		if err != nil || !bytes.Equal(got, blobtest.Bytes(uint64(i), 700+i)) {
			t.Fatalf("acknowledged object %d: %d bytes, %v", i, len(got), err)
		}
	}
	if got, err := blobtest.Get(t.Context(), s, more); err != nil || !bytes.Equal(got, blobtest.Bytes(77, 5000)) {
		t.Fatalf("object put after recovery: %d bytes, %v", len(got), err)
	}
	return s, r[0]
}

func TestCutAnywhereBehindTheAcknowledged(t *testing.T) {
	name, pack, acked, refs, extra := stage(t, 1500)
	for cut := acked; cut <= int64(len(pack)); cut += 13 {
		s, r := reopen(t, name, pack[:cut], refs)
		whole := cut >= extra.Offset+64+extra.Length
		_, err := blobtest.Get(t.Context(), s, extra)
		if whole != (r.Objects == 4) || r.Objects < 3 || r.Lost != 0 {
			t.Fatalf("cut at %d of %d: %+v, %v", cut, len(pack), r, err)
		}
		_ = s.Close()
	}
}

func TestTornBlocksBehindTheAcknowledged(t *testing.T) {
	name, pack, acked, refs, extra := stage(t, 9000)
	for block := acked &^ 511; block < int64(len(pack)); block += 512 {
		torn := bytes.Clone(pack)
		clear(torn[max(block, acked):min(block+512, int64(len(pack)))])
		s, r := reopen(t, name, torn, refs)
		harmed := !bytes.Equal(torn[:extra.Offset+64+extra.Length], pack[:extra.Offset+64+extra.Length])
		if harmed && (r.Objects != 3 || r.Cut == 0) || r.Lost != 0 {
			t.Fatalf("block at %d torn: %+v", block, r)
		}
		_ = s.Close()
	}
}

func TestLaterUnsyncedObjectsDoNotSaveATornOne(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, disk.Options{})
	first := blobtest.Put(t, s, blobtest.Bytes(0, 700))
	var refs []blob.Ref
	for i := range 3 { // finished one after the other, none waited for
		w, err := s.Create(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = w.Write(blobtest.Bytes(uint64(i), 3000))
		r, _, err := w.Finish(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		refs = append(refs, r)
	}
	name := file(t, dir, ".open")
	pack, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	clear(pack[refs[1].Offset+1000 : refs[1].Offset+1512])
	_, r := reopen(t, filepath.Base(name), pack, []blob.Ref{first})
	if r.Objects != 2 || r.Cut != int64(len(pack))-refs[1].Offset {
		t.Errorf("recovered %+v; want the two before the torn one", r)
	}
}

// TestRotIsNotATornTail damages a header in the acknowledged part: what comes
// behind it must stay.
func TestRotIsNotATornTail(t *testing.T) {
	name, pack, _, refs, _ := stage(t, 100)
	pack[refs[1].Offset+20] ^= 1
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), pack, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // and once more, now that it has been mended
		s := open(t, dir, disk.Options{})
		if r := s.Recovered(); len(r) != 1 || r[0].Lost != 1 || r[0].Objects != 3 || r[0].Cut != 0 {
			t.Fatalf("recovered %+v; want one lost and nothing cut", r)
		}
		if _, err := blobtest.Get(t.Context(), s, refs[1]); !errors.Is(err, blob.ErrDamaged) {
			t.Errorf("the damaged one: %v; want ErrDamaged", err)
		}
		if got, err := blobtest.Get(t.Context(), s, refs[2]); err != nil || !bytes.Equal(got, blobtest.Bytes(2, 702)) {
			t.Errorf("the one behind: %d bytes, %v", len(got), err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestScrubFindsRot(t *testing.T) {
	for _, sealed := range []bool{false, true} {
		dir := t.TempDir()
		o := disk.Options{}
		if sealed {
			o.PackSize = 2000
		}
		s := open(t, dir, o)
		var refs []blob.Ref
		for i := range 3 {
			refs = append(refs, blobtest.Put(t, s, blobtest.Bytes(uint64(i), 1000)))
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		name, _ := filepath.Glob(filepath.Join(dir, refs[1].Pack+".*"))
		flip(t, name[0], refs[1].Offset+64+500)
		s = open(t, dir, o)
		var found []blob.Ref
		if err := blob.Scrub(t.Context(), s, 10<<20, func(r blob.Ref, err error) error {
			if errors.Is(err, blob.ErrDamaged) {
				found = append(found, r)
			} else if err != nil {
				return err
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
		if len(found) != 1 || found[0] != refs[1] {
			t.Errorf("sealed %v: damaged %v; want %v", sealed, found, refs[1])
		}
		_ = s.Close()
	}
}

func flip(t *testing.T, name string, offset int64) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var b [1]byte
	if _, err := f.ReadAt(b[:], offset); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 0x10
	if _, err := f.WriteAt(b[:], offset); err != nil {
		t.Fatal(err)
	}
}

func TestRemovedBytesAreNowhere(t *testing.T) {
	needle := bytes.Repeat([]byte("LEAK^CANARY"), 1000)
	for _, sealed := range []bool{false, true} {
		t.Run(fmt.Sprintf("sealed %v", sealed), func(t *testing.T) {
			dir := t.TempDir()
			o := disk.Options{}
			if sealed {
				o.PackSize = 12_000
			}
			s := open(t, dir, o)
			keep := blobtest.Put(t, s, []byte("stays"))
			gone := blobtest.Put(t, s, needle)
			rest := blobtest.Put(t, s, blobtest.Bytes(1, 3000))
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = open(t, dir, o)
			if err := s.Remove(t.Context(), gone); err != nil {
				t.Fatal(err)
			}
			name, _ := filepath.Glob(filepath.Join(dir, gone.Pack+".*"))
			pack, err := os.ReadFile(name[0])
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(pack, needle[:11]) || bytes.Contains(pack, gone.SHA256[:]) {
				t.Error("the pack still holds bytes or digest of what was removed")
			}
			if filepath.Ext(name[0]) == ".pack" != sealed {
				t.Errorf("pack is %s; want sealed %v", name[0], sealed)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = open(t, dir, o)
			for _, r := range []blob.Ref{keep, rest} {
				if err := blob.Verify(t.Context(), s, r); err != nil {
					t.Error(err)
				}
			}
			if _, err := s.Open(t.Context(), gone); fault.Of(err) != fault.NotFound {
				t.Errorf("Open = %v; want NotFound", err)
			}
		})
	}
}

func TestAbortedBytesAreNowhere(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, disk.Options{})
	w, err := s.Create(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, _ = w.Write(bytes.Repeat([]byte("LEAK^CANARY"), 100_000))
	name := file(t, dir, ".open")
	if size(t, name) < 1_000_000 {
		t.Fatal("nothing reached the pack: the test tests nothing")
	}
	_ = w.Abort()
	if n := size(t, name); n != 64 {
		t.Errorf("pack of %d bytes; want the head alone", n)
	}
}

func TestDiskFull(t *testing.T) {
	dir := t.TempDir()
	o := disk.Options{Quota: 1_000_000}
	s := open(t, dir, o)
	var refs []blob.Ref
	var full error
	for i := range 100 {
		w, err := s.Create(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, full = w.Write(blobtest.Bytes(uint64(i), 300_000)); full == nil {
			var r blob.Ref
			var durable func(ctx context.Context) error
			if r, durable, full = w.Finish(t.Context()); full == nil {
				full = durable(t.Context())
				refs = append(refs, r)
			}
		}
		_ = w.Abort()
		if full != nil {
			break
		}
	}
	if fault.Of(full) != fault.Exhausted || len(refs) != 3 {
		t.Fatalf("after %d objects: %v; want Exhausted after 3", len(refs), full)
	}
	small := blobtest.Put(t, s, blobtest.Bytes(50, 1000)) // there is room for a small one
	if err := s.Remove(t.Context(), refs[0]); err != nil {
		t.Fatal(err)
	}
	again := blobtest.Put(t, s, blobtest.Bytes(51, 200_000)) // and again for a larger one
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, o)
	for _, r := range append(refs[1:], small, again) {
		if err := blob.Verify(t.Context(), s, r); err != nil {
			t.Error(err)
		}
	}
}

func TestOnlyOneProcess(t *testing.T) {
	dir := t.TempDir()
	open(t, dir, disk.Options{})
	if _, err := disk.Open(dir, disk.Options{}); fault.Of(err) != fault.Conflict {
		t.Errorf("second Open = %v; want Conflict", err)
	}
}

func TestUnreadableHead(t *testing.T) {
	name, pack, _, _, _ := stage(t, 100)
	for _, c := range []struct {
		name string
		pack []byte
		want string // extension of what is left
	}{
		{"empty: it never was born", nil, ""},
		{"half a head", pack[:40], ""},
		{"a head of zeros and nothing behind", make([]byte, 64), ""},
		{"objects behind a damaged head are set aside", append([]byte{'X'}, pack[1:]...), ".damaged"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, name), c.pack, 0o600); err != nil {
				t.Fatal(err)
			}
			s := open(t, dir, disk.Options{})
			blobtest.Put(t, s, []byte("goes on"))
			left, _ := filepath.Glob(filepath.Join(dir, name[:36]+".*"))
			if c.want == "" && len(left) != 0 || c.want != "" && (len(left) != 1 || filepath.Ext(left[0]) != c.want) {
				t.Errorf("left %v; want %q", left, c.want)
			}
		})
	}
}

// TestDamageAfterACleanEnd flips a bit of the last object of a pack that was closed: it
// is damaged, and not cut as if it had never been finished.
func TestDamageAfterACleanEnd(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, disk.Options{})
	b := blobtest.Bytes(1, 5000)
	r := blobtest.Put(t, s, b)
	for range 2 { // closing twice marks once
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, dir, disk.Options{})
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, r.Pack+".open")
	bytes, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if len(bytes) != 64+64+5056+64 {
		t.Errorf("pack of %d bytes; want head, record and one mark", len(bytes))
	}
	bytes[r.Offset+64+4999] ^= 1
	if err := os.WriteFile(name, bytes, 0o600); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, disk.Options{})
	if got := s.Recovered(); len(got) != 1 || got[0].Cut != 0 || got[0].Objects != 1 {
		t.Errorf("recovered %+v; want nothing cut", got)
	}
	if err := blob.Verify(t.Context(), s, r); !errors.Is(err, blob.ErrDamaged) {
		t.Errorf("Verify = %v; want damage", err)
	}
	after := blobtest.Bytes(2, 100)
	if got, err := blobtest.Get(t.Context(), s, blobtest.Put(t, s, after)); err != nil || string(got) != string(after) {
		t.Errorf("what is put afterwards: %v", err)
	}
}

// TestOpenReadsOpenPacksAlone counts what Open reads of a folder with few and with many
// sealed packs after the same crash: the archive may grow, the start does not.
func TestOpenReadsOpenPacksAlone(t *testing.T) {
	var read []int64
	for _, sealed := range []int{2, 60} {
		dir := t.TempDir()
		s := open(t, dir, disk.Options{PackSize: 20_000})
		for i := range sealed*3 + 2 { // the last two are in a pack that stays open
			blobtest.Put(t, s, blobtest.Bytes(uint64(i), 9000))
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		for round := range 2 { // after a crash, without the mark of a clean end, and after a clean one
			if name := file(t, dir, ".open"); round == 0 {
				if err := os.Truncate(name, size(t, name)-64); err != nil {
					t.Fatal(err)
				}
			}
			before := readSoFar(t)
			s = open(t, dir, disk.Options{PackSize: 20_000})
			read = append(read, readSoFar(t)-before)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Logf("bytes read by Open with 2 and with 60 packs: %v", read)
	if least, most := slices.Min(read), slices.Max(read); most-least > 20_000 || most == 0 {
		t.Errorf("Open reads %v bytes: it grows with what is sealed", read)
	}
}

// readSoFar returns how many bytes this process has read.
func readSoFar(t *testing.T) int64 {
	t.Helper()
	text, err := os.ReadFile("/proc/self/io")
	if err != nil {
		t.Skip("this system does not count what a process reads: ", err)
	}
	var n int64
	if _, err := fmt.Sscanf(string(text), "rchar: %d", &n); err != nil {
		t.Fatal(err)
	}
	return n
}
