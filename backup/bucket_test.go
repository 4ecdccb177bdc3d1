package backup_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"radagora/backup"
	"radagora/blob"
	"radagora/blob/disk"
	"radagora/blob/s3"
	"radagora/blob/s3/s3test"
	"radagora/fault"
)

// A breaker is a line to an object store that breaks, or changes what is read.
type breaker struct {
	writes atomic.Int64 // how many requests that write still go through; negative: all
	flips  atomic.Int64 // how many answers are changed by a bit
}

var errLine = errors.New("the line broke")

func (b *breaker) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodPut && b.writes.Load() >= 0 && b.writes.Add(-1) < 0 {
		b.writes.Store(0)
		return nil, errLine
	}
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err == nil && r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/pieces/") && b.flips.Add(-1) >= 0 {
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

// bucket returns a target in a real object store.
func bucket(t *testing.T, p s3.Place) (*backup.Bucket, *breaker) {
	t.Helper()
	line := &breaker{}
	line.writes.Store(-1)
	target, err := backup.OpenBucket(p, s3.Options{Key: s3test.Key, Secret: s3test.Secret, Transport: line, Timeout: 20 * time.Second})
	check(t, err)
	return target, line
}

// names lists a target.
func names(t *testing.T, to backup.Target, prefix string) map[string]int64 {
	t.Helper()
	all := map[string]int64{}
	for i, err := range to.List(t.Context(), prefix) {
		check(t, err)
		all[i.Name] = i.Size
	}
	return all
}

// TestBucket holds the target in an object store against what a Target means.
func TestBucket(t *testing.T) {
	to, _ := bucket(t, s3test.Bucket(t))
	ctx := t.Context()
	if _, err := to.Get(ctx, "manifests/none"); fault.Of(err) != fault.NotFound {
		t.Errorf("what is not there: %v", err)
	}
	if there, err := to.Has(ctx, "manifests/none"); there || err != nil {
		t.Errorf("what is not there: %v, %v", there, err)
	}
	check(t, to.Delete(ctx, "manifests/none"))
	large := make([]byte, 40<<20)
	_, _ = rand.Read(large)
	for name, content := range map[string][]byte{"repository": []byte("one"), "pieces/ab/abc": {}, "pieces/ab/large": large} {
		check(t, to.Put(ctx, name, bytes.NewReader(content)))
		check(t, to.Put(ctx, name, io.MultiReader(bytes.NewReader(content)))) // in the place of what was there
		r, err := to.Get(ctx, name)
		check(t, err)
		got, err := io.ReadAll(r)
		check(t, errors.Join(err, r.Close()))
		if !bytes.Equal(got, content) {
			t.Errorf("%s: %d bytes read, %d written, or others", name, len(got), len(content))
		}
	}
	check(t, to.Sync(ctx))
	if got := names(t, to, "pieces/"); !maps.Equal(got, map[string]int64{"pieces/ab/abc": 0, "pieces/ab/large": int64(len(large))}) {
		t.Errorf("lists %v", got)
	}
	if there, err := to.Has(ctx, "repository"); !there || err != nil {
		t.Errorf("has %v, %v", there, err)
	}
	broken := errors.New("the reader broke")
	if err := to.Put(ctx, "pieces/ab/half", io.MultiReader(bytes.NewReader(large), failing{broken})); err == nil {
		t.Error("half of something was put")
	}
	check(t, to.Tidy(ctx))
	check(t, to.Delete(ctx, "repository"))
	if got := slices.Sorted(maps.Keys(names(t, to, ""))); !slices.Equal(got, []string{"pieces/ab/abc", "pieces/ab/large"}) {
		t.Errorf("left %v", got)
	}
	if strings.Contains(to.String(), s3test.Secret) || strings.Contains(to.String(), s3test.Key) {
		t.Errorf("the name tells a secret: %s", to)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// TestBackupToBucket makes backups in an object store, loses the line, goes on, rotates
// and restores on an empty machine.
func TestBackupToBucket(t *testing.T) {
	place := s3test.Bucket(t)
	i := install(t, "")
	to, line := bucket(t, place)
	identity, recipient, err := backup.NewIdentity()
	check(t, err)
	k := i.keeper(t, t.TempDir(), func(c *backup.Config) { c.Target, c.Recipients = to, []string{recipient} })
	i.put(t, 30, 100<<10)

	line.writes.Store(4)
	if _, err := k.Run(t.Context()); err == nil {
		t.Fatal("a backup over a line that broke")
	}
	if got := names(t, to, "manifests/"); len(got) != 0 {
		t.Fatalf("half a backup counts: %v", got)
	}
	line.writes.Store(-1)
	before := names(t, to, "pieces/")
	first, err := k.Run(t.Context())
	check(t, err)
	if size, _ := first.Size(); len(before) == 0 || first.Added > size {
		t.Errorf("%d pieces were there; added %d of %d", len(before), first.Added, size)
	}
	for name, text := range map[string]string{"in the open": "test.object.stored", "the key of the journal": string(master[:])} {
		for item := range names(t, to, "") {
			r, err := to.Get(t.Context(), item)
			check(t, err)
			b, err := io.ReadAll(r)
			check(t, errors.Join(err, r.Close()))
			if bytes.Contains(b, []byte(text)) {
				t.Errorf("%s: %s", item, name)
			}
		}
	}

	i.put(t, 3, 100<<10)
	line.flips.Store(1)
	if _, err := k.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "read back") {
		t.Errorf("what is read back differs: %v", err)
	}
	second, err := k.Run(t.Context())
	check(t, err)
	if whole, _ := second.Size(); second.Added*2 > whole {
		t.Errorf("the second adds %d of %d bytes", second.Added, whole)
	}

	to, _ = bucket(t, place) // another machine
	source, err := backup.OpenSource(t.Context(), to, backup.Secret{Identities: identity}, k.Fingerprint())
	check(t, err)
	m, err := source.Backup(t.Context(), "")
	check(t, err)
	proof, err := backup.Verify(t.Context(), source, m, t.TempDir(), nil, nil)
	if err != nil || !proof.Good() || proof.Objects != 33 || proof.Apart != 0 {
		t.Errorf("proof %+v, %v", proof, err)
	}
	data := filepath.Join(t.TempDir(), "data")
	r := &backup.Restore{Source: source, Backup: m, Data: data}
	_, err = r.Run(t.Context())
	check(t, err)
	check(t, r.Open())
	same(t, i.refs, data)

	i.now = i.now.Add(72 * time.Hour)
	third, err := k.Run(t.Context())
	check(t, err)
	done, err := k.Prune(t.Context(), backup.Policy{All: 1})
	check(t, err)
	if got := slices.Sorted(maps.Keys(names(t, to, "manifests/"))); done.Backups != 2 || !slices.Equal(got, []string{"manifests/" + third.ID}) {
		t.Errorf("rotated: %+v, left %v", done, got)
	}
}

// same compares what a restored data folder holds with objects that were stored.
func same(t *testing.T, refs []blob.Ref, data string) {
	t.Helper()
	store, err := disk.Open(filepath.Join(data, "packs"), disk.Options{})
	check(t, err)
	defer store.Close()
	for _, ref := range refs {
		check(t, blob.Verify(t.Context(), store, ref))
	}
}

// TestPacksInAnObjectStore: a backup names them, and holds them only if it is asked to.
func TestPacksInAnObjectStore(t *testing.T) {
	addr, dir := s3test.Server(t, t.TempDir(), "")
	packs := s3test.Place(t, addr, dir)
	far, err := s3.Open(t.Context(), packs, s3.Options{Key: s3test.Key, Secret: s3test.Secret, Transport: http.DefaultTransport})
	check(t, err)
	defer far.Close()
	i := install(t, "")
	i.put(t, 2, 10<<10)
	i.refs = append(i.refs, store(t, far, 20<<10), store(t, far, 9<<20))
	identity, recipient, err := backup.NewIdentity()
	check(t, err)
	for _, copied := range []bool{false, true} {
		to, _ := bucket(t, s3test.Place(t, addr, dir))
		k := i.keeper(t, t.TempDir(), func(c *backup.Config) {
			c.Target, c.Recipients, c.Far, c.FarPlace, c.FarCopied = to, []string{recipient}, far, packs.String(), copied
		})
		m, err := k.Run(t.Context())
		check(t, err)
		if want := map[bool]int{false: 2, true: 0}[copied]; m.Where()[packs.String()] != want || m.Objects() != int64(4-want) {
			t.Errorf("copied %v: %v apart, %d objects", copied, m.Where(), m.Objects())
		}
		i.now = i.now.Add(time.Hour)
		again, err := k.Run(t.Context())
		check(t, err)
		if again.Added > 2<<20 {
			t.Errorf("copied %v: nothing new adds %d bytes", copied, again.Added)
		}
		if !copied {
			continue
		}
		source, err := backup.OpenSource(t.Context(), to, backup.Secret{Identities: identity}, "")
		check(t, err)
		proof, err := backup.Verify(t.Context(), source, again, t.TempDir(), nil, nil)
		if err != nil || !proof.Good() || proof.Objects != 4 {
			t.Errorf("proof %+v, %v", proof, err)
		}
		data := filepath.Join(t.TempDir(), "data")
		r := &backup.Restore{Source: source, Backup: again, Data: data}
		_, err = r.Run(t.Context())
		check(t, err)
		check(t, os.Remove(filepath.Join(data, backup.Mark)))
		same(t, i.refs, data)
	}
}

// store puts an object into a store.
func store(t *testing.T, s blob.Store, size int) blob.Ref {
	t.Helper()
	b := make([]byte, size)
	_, _ = rand.Read(b)
	w, err := s.Create(t.Context())
	check(t, err)
	_, err = w.Write(b)
	check(t, err)
	ref, durable, err := w.Finish(t.Context())
	check(t, err)
	check(t, durable(context.WithoutCancel(t.Context())))
	return ref
}

// TestPacksInAnObjectStoreContinuously: the continuous copy names them, or holds them if
// it is asked to, also those that moved there while it runs.
func TestPacksInAnObjectStoreContinuously(t *testing.T) {
	addr, dir := s3test.Server(t, t.TempDir(), "")
	packs := s3test.Place(t, addr, dir)
	far, err := s3.Open(t.Context(), packs, s3.Options{Key: s3test.Key, Secret: s3test.Secret, Transport: http.DefaultTransport})
	check(t, err)
	defer far.Close()
	for _, copied := range []bool{false, true} {
		i, to := install(t, ""), t.TempDir()
		i.put(t, 2, 10<<10)
		apart := []blob.Ref{store(t, far, 20<<10)}
		secret, config := for1(t)
		for round := range 2 {
			stop := stream(t, i, to, func(c *backup.Config) {
				config(c)
				c.Far, c.FarPlace, c.FarCopied = far, packs.String(), copied
			})
			if round == 1 {
				apart = append(apart, store(t, far, 30<<10))
				i.put(t, 1, 10<<10)
			}
			time.Sleep(2500 * time.Millisecond)
			stop()
		}
		m, err := source(t, to, secret).Tail(t.Context())
		check(t, err)
		held := map[string]bool{}
		for _, p := range m.Packs {
			held[p.Name] = true
		}
		named := map[string]bool{}
		for _, e := range m.Elsewhere {
			named[e.Name] = true
		}
		for _, ref := range apart {
			if held[ref.Pack] != copied || named[ref.Pack] == copied {
				t.Errorf("copied %v: pack held %v, named %v", copied, held[ref.Pack], named[ref.Pack])
			}
		}
		if !copied {
			continue
		}
		data, _, _ := restoreTail(t, to, secret)
		same(t, apart, data)
	}
}
