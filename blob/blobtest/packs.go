package blobtest

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"

	"radagora/blob"
	"radagora/fault"
)

// RunPacks tests what package blob promises of a store whose packs can be copied.
// Each part calls open for two empty stores, of which the first is copied to the
// second; the suite closes them.
func RunPacks(t *testing.T, open func(t *testing.T) (from, to blob.Packs)) {
	for _, part := range []struct {
		name string
		run  func(t *testing.T, from, to blob.Packs)
	}{
		{"a copy gives the same under the same reference", copied},
		{"what is removed later is removed from the copy", reconciled},
		{"what is no pack is refused", refused},
		{"a pack that is dropped is gone", dropped},
	} {
		t.Run(part.name, func(t *testing.T) {
			from, to := open(t)
			part.run(t, from, to)
			if err := errors.Join(from.Close(), to.Close()); err != nil {
				t.Errorf("Close: %v", err)
			}
		})
	}
}

// Seal has the packs of a store sealed, if it does not seal each at once.
func Seal(s blob.Store) {
	if s, ok := s.(interface {
		SealOld(now time.Time, age time.Duration) int
	}); ok {
		s.SealOld(time.Now().Add(time.Hour), 0)
	}
}

// unsealed waits until packs that are being sealed are.
func unsealed(t *testing.T, s blob.Packs) {
	t.Helper()
	for range 1000 {
		open := 0
		for p, err := range s.Packs(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			if !p.Sealed {
				open++
			}
		}
		if open == 0 {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// fill puts objects, and returns them with the packs, which are sealed.
func fill(t *testing.T, s blob.Packs, n int) (objects map[blob.Ref][]byte, packs []blob.Pack) {
	t.Helper()
	objects = map[blob.Ref][]byte{}
	for i := range n {
		b := Bytes(uint64(i), 3000*i)
		objects[Put(t, s, b)] = b
	}
	Seal(s)
	unsealed(t, s)
	for p, err := range s.Packs(t.Context()) {
		if err != nil || !p.Sealed {
			t.Fatalf("pack %+v: %v; want it sealed", p, err)
		}
		packs = append(packs, p)
	}
	return objects, packs
}

func copied(t *testing.T, from, to blob.Packs) {
	objects, packs := fill(t, from, 6)
	for range 2 { // again changes nothing
		for _, p := range packs {
			if err := blob.CopyPack(t.Context(), from, to, p.Name); err != nil {
				t.Fatal(err)
			}
		}
	}
	for r, b := range objects {
		want(t, to, r, b)
	}
	for _, p := range packs {
		a, b := whole(t, from, p.Name), whole(t, to, p.Name)
		if !bytes.Equal(a, b) || int64(len(a)) != p.Size {
			t.Errorf("pack %s: %d bytes, copied to %d others", p.Name, len(a), len(b))
		}
	}
	if n := len(list(t, to)); n != len(objects) {
		t.Errorf("the copy lists %d objects; want %d", n, len(objects))
	}
}

// whole reads a pack.
func whole(t *testing.T, s blob.Packs, pack string) []byte {
	t.Helper()
	o, err := s.OpenPack(t.Context(), pack)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	b, err := io.ReadAll(io.NewSectionReader(o, 0, o.Size()))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func reconciled(t *testing.T, from, to blob.Packs) {
	objects, packs := fill(t, from, 4)
	for _, p := range packs {
		if err := blob.CopyPack(t.Context(), from, to, p.Name); err != nil {
			t.Fatal(err)
		}
	}
	var gone, stays blob.Ref
	for r, b := range objects {
		if len(b) == 6000 {
			gone = r
		} else {
			stays = r
		}
	}
	if err := from.Remove(t.Context(), gone); err != nil {
		t.Fatal(err)
	}
	for _, p := range packs {
		n, err := blob.Reconcile(t.Context(), from, to, p.Name)
		if p.Name == gone.Pack && fault.Of(err) == fault.NotFound && err != nil {
			err, n = to.DropPack(t.Context(), p.Name), 1 // nothing was left of it
		}
		if err != nil || n > 1 {
			t.Errorf("Reconcile = %d, %v", n, err)
		}
	}
	_, err := to.Open(t.Context(), gone)
	wantKind(t, "Open what was removed, in the copy", err, fault.NotFound)
	want(t, to, stays, objects[stays])
}

func refused(t *testing.T, from, to blob.Packs) {
	_, packs := fill(t, from, 2)
	p := packs[len(packs)-1]
	good := whole(t, from, p.Name)
	for _, c := range []struct {
		name, pack string
		bytes      []byte
	}{
		{"nothing", p.Name, nil},
		{"noise", p.Name, Bytes(1, 5000)},
		{"cut", p.Name, good[:len(good)-64]},
		{"a flipped bit in an object", p.Name, flipped(good, 64+64+5)},
		{"another name", "0198c0de-0000-7000-8000-000000000000", good},
		{"a name that leads elsewhere", "../" + p.Name, good},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := to.PutPack(t.Context(), c.pack, bytes.NewReader(c.bytes), int64(len(c.bytes))); err == nil {
				t.Error("PutPack accepted it")
			}
			if n := len(list(t, to)); n != 0 {
				t.Errorf("%d objects are there afterwards", n)
			}
		})
	}
}

func flipped(b []byte, at int) []byte {
	b = bytes.Clone(b)
	if at < len(b) {
		b[at] ^= 1
	}
	return b
}

func dropped(t *testing.T, from, _ blob.Packs) {
	objects, packs := fill(t, from, 3)
	for range 2 {
		for _, p := range packs {
			if err := from.DropPack(t.Context(), p.Name); err != nil {
				t.Fatal(err)
			}
		}
	}
	for r := range objects {
		_, err := from.Open(t.Context(), r)
		wantKind(t, "Open in a pack that was dropped", err, fault.NotFound)
	}
	_, err := from.OpenPack(t.Context(), packs[0].Name)
	wantKind(t, "OpenPack", err, fault.NotFound)
}
