package s3_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"radagora/blob"
	"radagora/blob/blobtest"
	"radagora/blob/disk"
	"radagora/blob/s3"
	"radagora/blob/s3/s3test"
	"radagora/fault"
)

// open opens an empty store on a real server.
func open(t testing.TB, o s3.Options) *s3.Store {
	t.Helper()
	return reopen(t, s3test.Bucket(t), o)
}

// reopen opens a store in a place.
func reopen(t testing.TB, p s3.Place, o s3.Options) *s3.Store {
	t.Helper()
	o.Key, o.Secret, o.Transport, o.Temp = s3test.Key, s3test.Secret, http.DefaultTransport, t.TempDir()
	s, err := s3.Open(t.Context(), p, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestStore(t *testing.T) {
	addr, dir := s3test.Server(t, t.TempDir(), "")
	blobtest.Run(t, func(t *testing.T) blob.Store { return reopen(t, s3test.Place(t, addr, dir), s3.Options{}) })
}

func TestPacks(t *testing.T) {
	addr, dir := s3test.Server(t, t.TempDir(), "")
	far := func(t *testing.T) blob.Packs { return reopen(t, s3test.Place(t, addr, dir), s3.Options{}) }
	local := func(t *testing.T) blob.Packs {
		s, err := disk.Open(t.TempDir(), disk.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	t.Run("from disk to S3", func(t *testing.T) {
		blobtest.RunPacks(t, func(t *testing.T) (from, to blob.Packs) { return local(t), far(t) })
	})
	t.Run("from S3 to disk", func(t *testing.T) {
		blobtest.RunPacks(t, func(t *testing.T) (from, to blob.Packs) { return far(t), local(t) })
	})
}

// packs returns the packs of a store and their size.
func packs(t testing.TB, s *s3.Store) (n int, size int64) {
	t.Helper()
	for p, err := range s.Packs(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		n, size = n+1, size+p.Size
	}
	return n, size
}

func get(t testing.TB, s blob.Store, r blob.Ref, want []byte) {
	t.Helper()
	got, err := blobtest.Get(t.Context(), s, r)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("Get(%s) = %d bytes, %v; want the %d put", r, len(got), err, len(want))
	}
}

func TestLargeObjectIsStreamedInParts(t *testing.T) {
	s := open(t, s3.Options{Batch: 5 << 20})
	for i, n := range []int{5<<20 - 129, 5<<20 - 128, 5 << 20, 5<<20 + 1, 10<<20 - 128, 10<<20 + 1, 23<<20 + 7} {
		b := blobtest.Bytes(uint64(i), n)
		get(t, s, blobtest.Put(t, s, b), b)
	}
	if err := blob.Scrub(t.Context(), s, 0, func(_ blob.Ref, err error) error { return err }); err != nil {
		t.Error(err)
	}
	w, err := s.Create(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(blobtest.Bytes(9, 11<<20)); err != nil {
		t.Fatal(err)
	}
	if err := w.Abort(); err != nil {
		t.Error(err)
	}
	if n, err := s.Tidy(t.Context(), time.Now().Add(time.Hour), time.Minute); n != 0 || err != nil {
		t.Errorf("Tidy after Abort = %d, %v; want nothing left", n, err)
	}
	if n, _ := packs(t, s); n != 7 {
		t.Errorf("%d packs; want 7", n)
	}
}

func TestUnfinishedPartsAreGivenBack(t *testing.T) {
	s := open(t, s3.Options{Batch: 5 << 20})
	w, err := s.Create(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(blobtest.Bytes(9, 11<<20)); err != nil {
		t.Fatal(err)
	} // and the process ends
	for _, c := range []struct {
		name string
		age  time.Duration
		want int
	}{{"too young", time.Hour, 0}, {"old enough", -time.Minute, 1}, {"none left", -time.Minute, 0}} {
		if n, err := s.Tidy(t.Context(), time.Now(), c.age); n != c.want || err != nil {
			t.Errorf("%s: Tidy = %d, %v; want %d", c.name, n, err, c.want)
		}
	}
}

func TestManyWritersShareAPack(t *testing.T) {
	s := open(t, s3.Options{Gather: 500 * time.Millisecond})
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() { blobtest.Put(t, s, blobtest.Bytes(uint64(i), 9000)) })
	}
	wg.Wait()
	if n, _ := packs(t, s); n > 2 {
		t.Errorf("%d packs for 20 objects at once; want one, or two", n)
	}
}

func TestTwoProcesses(t *testing.T) {
	p := s3test.Bucket(t)
	a, b := reopen(t, p, s3.Options{Gather: 200 * time.Millisecond}), reopen(t, p, s3.Options{})
	refs := make([]blob.Ref, 12)
	var wg sync.WaitGroup
	for i := range refs {
		wg.Go(func() { refs[i] = blobtest.Put(t, a, blobtest.Bytes(uint64(i), 10_000+i)) })
	}
	wg.Wait()
	for i, r := range refs {
		get(t, b, r, blobtest.Bytes(uint64(i), 10_000+i))
	}
	for i := range 8 { // both take objects out of the same packs at once
		wg.Go(func() {
			s := a
			if i%2 == 1 {
				s = b
			}
			if err := s.Remove(t.Context(), refs[i]); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for i, r := range refs {
		_, err := a.Open(t.Context(), r)
		switch {
		case i < 8 && (err == nil || fault.Of(err) != fault.NotFound):
			t.Errorf("object %d came back: %v", i, err)
		case i >= 8:
			get(t, a, r, blobtest.Bytes(uint64(i), 10_000+i))
		}
	}
}

func TestRemovedBytesAreGone(t *testing.T) {
	addr, dir := s3test.Server(t, t.TempDir(), "")
	p := s3test.Place(t, addr, dir)
	s := reopen(t, p, s3.Options{Gather: 300 * time.Millisecond})
	marks := [][]byte{blobtest.Bytes(1, 4000), blobtest.Bytes(2, 4000), blobtest.Bytes(3, 4000)}
	refs := make([]blob.Ref, len(marks))
	var wg sync.WaitGroup
	for i, b := range marks {
		wg.Go(func() { refs[i] = blobtest.Put(t, s, b) })
	}
	wg.Wait()
	gone, err := blob.RemoveAll(t.Context(), s, refs[:2])
	if len(gone) != 2 || err != nil {
		t.Fatalf("RemoveAll = %d, %v; want 2", len(gone), err)
	}
	for i, b := range marks {
		if has := contains(t, dir, b[:64]); has != (i == 2) {
			t.Errorf("the bytes of object %d are in the bucket: %v", i, has)
		}
	}
	if err := s.Remove(t.Context(), refs[2]); err != nil {
		t.Fatal(err)
	}
	if n, _ := packs(t, s); n != 0 {
		t.Errorf("%d packs are left with nothing in them", n)
	}
}

// contains looks through all files below a folder.
func contains(t testing.TB, dir string, mark []byte) bool {
	t.Helper()
	found := false
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		found = found || bytes.Contains(b, mark)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestMerge(t *testing.T) {
	s := open(t, s3.Options{Gather: time.Millisecond})
	index := map[int]blob.Ref{}
	for i := range 12 {
		index[i] = blobtest.Put(t, s, blobtest.Bytes(uint64(i), 1000*i))
	}
	forgotten := index[11]
	delete(index, 11)
	before, _ := packs(t, s)
	move := func(_ context.Context, from, to blob.Ref) (bool, error) {
		for i, r := range index {
			if r == from {
				index[i] = to
				return true, nil
			}
		}
		return false, nil
	}
	did, err := s.Merge(t.Context(), s3.MergeOptions{}, move)
	if err != nil || did.Packs != before || did.Objects != 11 || did.Into != 1 {
		t.Fatalf("Merge = %+v, %v; want %d packs and 11 objects", did, err, before)
	}
	for i, r := range index {
		get(t, s, r, blobtest.Bytes(uint64(i), 1000*i))
	}
	if _, err := s.Open(t.Context(), forgotten); err == nil || fault.Of(err) != fault.NotFound {
		t.Errorf("what nobody refers to is still there: %v", err)
	}
	n, size := packs(t, s)
	if n != 1 {
		t.Errorf("%d packs after merging; want 1", n)
	}
	for i := range 9 { // much of it goes
		if err := s.Remove(t.Context(), index[i]); err != nil {
			t.Fatal(err)
		}
		delete(index, i)
	}
	if did, err = s.Merge(t.Context(), s3.MergeOptions{}, move); err != nil || did.Packs != 1 {
		t.Fatalf("Merge of a worn pack = %+v, %v", did, err)
	}
	for i, r := range index {
		get(t, s, r, blobtest.Bytes(uint64(i), 1000*i))
	}
	if _, now := packs(t, s); now >= size {
		t.Errorf("%d bytes after, %d before", now, size)
	}
	if did, err = s.Merge(t.Context(), s3.MergeOptions{}, move); err != nil || did != (s3.Merging{}) {
		t.Errorf("Merge with nothing to do = %+v, %v", did, err)
	}
}

func TestMergeThatFailsLeavesEverything(t *testing.T) {
	s := open(t, s3.Options{Gather: time.Millisecond})
	var refs []blob.Ref
	for i := range 8 {
		refs = append(refs, blobtest.Put(t, s, blobtest.Bytes(uint64(i), 500)))
	}
	away := errors.New("the database is away")
	if _, err := s.Merge(t.Context(), s3.MergeOptions{}, func(context.Context, blob.Ref, blob.Ref) (bool, error) { return false, away }); !errors.Is(err, away) {
		t.Errorf("Merge = %v", err)
	}
	for i, r := range refs {
		get(t, s, r, blobtest.Bytes(uint64(i), 500))
	}
}

func TestDamageIsFound(t *testing.T) {
	addr, dir := s3test.Server(t, t.TempDir(), "")
	p := s3test.Place(t, addr, dir)
	s := reopen(t, p, s3.Options{})
	r := blobtest.Put(t, s, blobtest.Bytes(1, 1000))
	file := filepath.Join(dir, p.Bucket, p.Prefix, r.Pack+".pack")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		at   int64
	}{{"in the object", r.Offset + 64 + 17}, {"in its header", r.Offset + 9}} {
		t.Run(c.name, func(t *testing.T) {
			bad := bytes.Clone(b)
			bad[c.at] ^= 4
			if err := os.WriteFile(file, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := blob.Verify(t.Context(), s, r); !errors.Is(err, blob.ErrDamaged) {
				t.Errorf("Verify = %v; want damage", err)
			}
		})
	}
}

func TestStoreThatIsAway(t *testing.T) {
	s := open(t, s3.Options{})
	p := s.Place()
	for _, c := range []struct {
		name   string
		change func(p *s3.Place, o *s3.Options)
		want   fault.Kind
	}{
		{"nobody listens", func(p *s3.Place, _ *s3.Options) { p.Endpoint = "http://127.0.0.1:1" }, fault.Unavailable},
		{"no such bucket", func(p *s3.Place, _ *s3.Options) { p.Bucket = "another" }, fault.NotFound},
		{"wrong key", func(_ *s3.Place, o *s3.Options) { o.Secret = "another" }, fault.Forbidden},
		{"no key", func(_ *s3.Place, o *s3.Options) { o.Secret = "" }, fault.Invalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, o := p, s3.Options{Key: s3test.Key, Secret: s3test.Secret, Transport: http.DefaultTransport}
			c.change(&p, &o)
			if _, err := s3.Open(t.Context(), p, o); err == nil || fault.Of(err) != c.want {
				t.Errorf("Open = %v; want %v", err, c.want)
			}
		})
	}
}

func TestParsePlace(t *testing.T) {
	for _, c := range []struct {
		name, in string
		want     s3.Place
		ok       bool
	}{
		{"bucket alone", "s3://b?endpoint=https://s3.example", s3.Place{Endpoint: "https://s3.example", Bucket: "b"}, true},
		{"all of it", "s3://b/a/b/?endpoint=http://h:9000&region=eu&lookup=domain", s3.Place{Endpoint: "http://h:9000", Bucket: "b", Prefix: "a/b", Region: "eu", Domain: true}, true},
		{"no endpoint", "s3://b", s3.Place{}, false},
		{"a key in it", "s3://key:secret@b?endpoint=https://h", s3.Place{}, false},
		{"a key in the endpoint", "s3://b?endpoint=https://key:secret@h", s3.Place{}, false},
		{"a path in the endpoint", "s3://b?endpoint=https://h/x", s3.Place{}, false},
		{"something unknown", "s3://b?endpoint=https://h&secret=1", s3.Place{}, false},
		{"a folder", "/srv/packs", s3.Place{}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := s3.ParsePlace(c.in)
			if got != c.want || (err == nil) != c.ok {
				t.Fatalf("ParsePlace = %+v, %v", got, err)
			}
			if again, err := s3.ParsePlace(got.String()); c.ok && (err != nil || again != got) {
				t.Errorf("%s read again is %+v, %v", got, again, err)
			}
		})
	}
}
