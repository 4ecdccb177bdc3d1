package account //nolint:testpackage // the format of hashes is not exported

import (
	"crypto/rand"
	"testing"
)

func TestPHC(t *testing.T) {
	h := newHasher(1, Cost{Memory: 64, Passes: 1, Lanes: 1}, rand.Reader)
	text, err := h.hash(t.Context(), []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	for secret, want := range map[string]bool{"secret": true, "Secret": false, "": false} {
		if ok, _, err := h.check(t.Context(), []byte(secret), text); err != nil || ok != want {
			t.Errorf("check %q: %v, %v; want %v", secret, ok, err, want)
		}
	}
	// from the reference implementation: echo -n password | argon2 somesalt -id -t 2 -k 65536 -p 1
	const reference = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	if ok, _, err := h.check(t.Context(), []byte("password"), reference); err != nil || !ok {
		t.Errorf("hash of the reference implementation: %v, %v", ok, err)
	}
}

func FuzzPHC(f *testing.F) {
	for _, seed := range []string{
		"$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"$argon2id$v=19$m=4294967295,t=99,p=255$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"$argon2id$v=19$m=1,m=2,t=2,p=1$$", "$$$$$", "$argon2i$v=19$m=1,t=1,p=1$AA$AA", "",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parsePHC(text)
		if err != nil {
			return
		}
		if p.Memory > mostMemory || p.Passes > mostPasses || p.Lanes == 0 || len(p.hash) > 64 || len(p.salt) > 64 {
			t.Fatalf("%q: asks for too much: %+v", text, p.Cost)
		}
		again, err := parsePHC(p.String())
		if err != nil || again.Cost != p.Cost {
			t.Fatalf("%q written and read is %v, %v", text, again, err)
		}
	})
}

func FuzzUnseal(f *testing.F) {
	r := &Register{}
	r.o.fill()
	var err error
	if r.keys, err = newKeys([32]byte{7}); err != nil {
		f.Fatal(err)
	}
	text, err := r.seal("device", 0, "abc")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add("")
	f.Add("AAAA")
	f.Fuzz(func(t *testing.T, in string) {
		var id string
		if err := r.unseal("station", in, &id); err == nil {
			t.Fatalf("%q was sealed for something else", in)
		}
		if err := r.unseal("device", in, &id); err == nil && id != "abc" {
			t.Fatalf("%q was never sealed", in)
		}
	})
}

func BenchmarkUsualCost(b *testing.B) {
	h := newHasher(1, Usual, rand.Reader)
	for b.Loop() {
		if _, err := h.hash(b.Context(), []byte("heron kettle violin 7")); err != nil {
			b.Fatal(err)
		}
	}
}
