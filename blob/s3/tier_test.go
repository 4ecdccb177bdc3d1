package s3_test

import (
	"testing"
	"time"

	"radagora/blob"
	"radagora/blob/blobtest"
	"radagora/blob/disk"
	"radagora/blob/s3"
	"radagora/blob/s3/s3test"
	"radagora/fault"
)

// tier opens a tier over a store.
func tier(t testing.TB, far blob.Packs, o disk.Options) *s3.Tier {
	t.Helper()
	local, err := disk.Open(t.TempDir(), o)
	if err != nil {
		t.Fatal(err)
	}
	return &s3.Tier{Local: local, Far: far}
}

func TestTierIsAStore(t *testing.T) {
	addr, dir := s3test.Server(t, t.TempDir(), "")
	blobtest.Run(t, func(t *testing.T) blob.Store {
		return tier(t, reopen(t, s3test.Place(t, addr, dir), s3.Options{}), disk.Options{})
	})
	t.Run("of moved packs", func(t *testing.T) {
		blobtest.RunPacks(t, func(t *testing.T) (from, to blob.Packs) {
			return tier(t, reopen(t, s3test.Place(t, addr, dir), s3.Options{}), disk.Options{}), tier(t, reopen(t, s3test.Place(t, addr, dir), s3.Options{}), disk.Options{})
		})
	})
}

func TestTierMovesSealedPacks(t *testing.T) {
	far := open(t, s3.Options{})
	s := tier(t, far, disk.Options{PackSize: 30_000})
	index := map[blob.Ref][]byte{}
	for i := range 10 {
		b := blobtest.Bytes(uint64(i), 9000)
		index[blobtest.Put(t, s, b)] = b
	}
	s.SealOld(time.Now().Add(time.Hour), 0)
	did, err := s.Move(t.Context(), 60_000)
	if err != nil || did.Packs < 2 || did.Dropped == 0 || did.Dropped >= did.Packs {
		t.Fatalf("Move = %+v, %v; want all copied and some dropped", did, err)
	}
	for r, b := range index {
		get(t, s, r, b)
	}
	for r := range index { // wherever it is
		if err := s.Remove(t.Context(), r); err != nil {
			t.Errorf("Remove(%s): %v", r, err)
		}
		for _, in := range []blob.Store{s, s.Far} {
			if _, err := in.Open(t.Context(), r); err == nil || fault.Of(err) != fault.NotFound {
				t.Errorf("Open what was removed: %v", err)
			}
		}
	}
	for r, err := range s.List(t.Context()) {
		t.Errorf("List: %s, %v; want nothing", r, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
