package maturity_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"radagora/db"
	"radagora/db/dbtest"
	"radagora/fault"
	"radagora/maturity"
)

// keyOf is the key of a made-up site.
func keyOf(n int) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{byte(n)}, 32))
}

// signed is the file of a made-up site.
func signed(t testing.TB, n int, s *maturity.Share) []byte {
	t.Helper()
	raw, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	public, _ := keyOf(n).Public().(ed25519.PublicKey)
	out, err := json.Marshal(maturity.Signed{Share: raw, Key: hex.EncodeToString(public), Signature: hex.EncodeToString(ed25519.Sign(keyOf(n), raw))})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// share is the result of a made-up site.
func share(level int) *maturity.Share {
	return &maturity.Share{Format: "radagora-maturity/1", Kind: maturity.Digital, Day: "2026-10-01", Country: "IE", Level: level, Floor: level, Areas: map[string]int{"SI": 10 * level}}
}

// TestShare: what leaves the site is a level and attainments, by somebody's leave, and
// nobody can change it on the way.
func TestShare(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		b, _ := newBook(t, d, nil)
		b.Key = func() (ed25519.PrivateKey, error) { return keyOf(9), nil }
		ctx := t.Context()
		a, err := b.Open(ctx, house, "user:1", maturity.Start{Kind: maturity.Digital, Name: "2026"})
		check(t, err)
		check(t, b.Answer(ctx, house, "user:1", maturity.Digital, a.ID, []maturity.Given{{Item: "SI01", Answer: 4, Reason: "our PACS"}}))
		_, err = b.Share(ctx, house, "user:1", maturity.Digital, a.ID, maturity.Group{Country: "IE"}, true)
		want(t, err, fault.Conflict, "still open")
		_, err = b.Close(ctx, house, "user:1", maturity.Digital, a.ID)
		check(t, err)
		_, err = b.Share(ctx, house, "user:1", maturity.Digital, a.ID, maturity.Group{}, false)
		want(t, err, fault.Invalid, "nobody agreed")
		raw, err := b.Share(ctx, house, "user:1", maturity.Digital, a.ID, maturity.Group{Country: "IE", Facility: "hospital"}, true)
		check(t, err)
		for _, secret := range []string{"our PACS", "SI01", "user:1", a.ID} {
			if strings.Contains(string(raw), secret) {
				t.Errorf("the file tells %q", secret)
			}
		}
		s, _, err := maturity.ReadShare(raw)
		check(t, err)
		if s.Level != 0 || s.Areas["SI"] == 0 || s.Country != "IE" {
			t.Errorf("%+v", s)
		}
		_, _, err = maturity.ReadShare(bytes.Replace(raw, []byte(`"level": 0`), []byte(`"level": 7`), 1))
		want(t, err, fault.Invalid, "changed on the way")
	})
}

// TestCompare: fewer than five sites are not shown.
func TestCompare(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		b, _ := newBook(t, d, nil)
		ctx := t.Context()
		for n := range 5 {
			s := share(n + 1)
			if n == 4 {
				s.Country = "FR"
			}
			_, err := b.Import(ctx, house, "user:1", signed(t, n+1, s))
			check(t, err)
			all, err := b.Compare(ctx, house, maturity.Digital)
			check(t, err)
			if n < 4 && (!all[0].Hidden || all[0].Level.Median != 0 || len(all[0].Areas) > 0) {
				t.Errorf("%d sites are shown: %+v", n+1, all)
			}
		}
		newer := share(5)
		newer.Day = "2026-11-01"
		_, err := b.Import(ctx, house, "user:1", signed(t, 1, newer)) // counts instead of the level 1 before
		check(t, err)
		all, err := b.Compare(ctx, house, maturity.Digital)
		check(t, err)
		if len(all) != 3 || all[0].N != 5 || all[0].Hidden || all[0].Level != (maturity.Quartiles{Q1: 3, Median: 4, Q3: 5}) || all[0].Areas["SI"].Median != 40 {
			t.Errorf("%+v", all)
		}
		for _, c := range all[1:] {
			if !c.Hidden || c.Level != (maturity.Quartiles{}) {
				t.Errorf("a group of %d is shown: %+v", c.N, c)
			}
		}
	})
}

func TestReadShareRefuses(t *testing.T) {
	for name, change := range map[string]func(*maturity.Share){
		"another format": func(s *maturity.Share) { s.Format = "other/1" },
		"no day":         func(s *maturity.Share) { s.Day = "today" },
		"a level of 8":   func(s *maturity.Share) { s.Level = 8 },
		"a kind":         func(s *maturity.Share) { s.Kind = "other" },
		"more than all":  func(s *maturity.Share) { s.Areas["SI"] = 101 },
	} {
		s := share(3)
		change(s)
		if _, _, err := maturity.ReadShare(signed(t, 1, s)); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if _, _, err := maturity.ReadShare(bytes.Repeat([]byte(" "), maturity.MostShare+1)); fault.Of(err) != fault.Exhausted {
		t.Errorf("too large: %v", err)
	}
}

// FuzzReadShare: whatever is read, nothing that cannot be is taken.
func FuzzReadShare(f *testing.F) {
	f.Add(signed(f, 1, share(3)))
	f.Add([]byte(`{"share":{},"key":"","signature":""}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if s, _, err := maturity.ReadShare(raw); err == nil && (s.Level < 0 || s.Level > 7) {
			t.Error("level " + strconv.Itoa(s.Level))
		}
	})
}
