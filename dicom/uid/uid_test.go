package uid_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/iotest"

	"radagora/dicom/uid"
	"radagora/fault"
)

func Example() {
	u, err := uid.Parse("1.2.840.10008.5.1.4.1.1.2\x00")
	fmt.Println(u, err, u == uid.CTImageStorage, uid.Name(u))
	// Output: 1.2.840.10008.5.1.4.1.1.2 <nil> true CT Image Storage
}

func TestParse(t *testing.T) {
	long := strings.Repeat("1.", 31) + "12"
	for _, tt := range []struct{ name, in, want string }{
		{"as it should be", "1.2.840.10008.1.1", "1.2.840.10008.1.1"},
		{"padded with NUL", "1.2\x00", "1.2"},
		{"padded with spaces", "1.2  ", "1.2"},
		{"leading zeros stay", "1.02.003", "1.02.003"},
		{"one number", "1", "1"},
		{"64 characters", long, long},
		{"65 characters", long + "3", ""},
		{"nothing", "", ""},
		{"padding alone", "\x00", ""},
		{"a dot first", ".1", ""},
		{"a dot last", "1.", ""},
		{"two dots", "1..2", ""},
		{"a letter", "1.2.a", ""},
		{"a space before", " 1.2", ""},
		{"two values", `1.2\1.3`, ""},
		{"digits of another script", "1.٢", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := uid.Parse(tt.in)
			if got.String() != tt.want || (err != nil) != (tt.want == "") {
				t.Fatalf("Parse(%q) = %v, %v; want %q", tt.in, got, err, tt.want)
			}
			if err != nil && fault.Of(err) != fault.Invalid {
				t.Errorf("kind %v; want invalid", fault.Of(err))
			}
		})
	}
}

// TestErrorsAreDiscreet puts a name where a UID should be: the error must not tell it.
func TestErrorsAreDiscreet(t *testing.T) {
	for _, in := range []string{"LEAK^CANARY", "1.2.LEAK", strings.Repeat("LEAK", 40)} {
		if _, err := uid.Parse(in); err == nil || strings.Contains(err.Error(), "LEAK") {
			t.Errorf("Parse error %q tells the value or is missing", err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"1.2.840.10008.1.1", "", ".", "1..2", "1.02\x00", strings.Repeat("9", 65)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := uid.Parse(s)
		if err != nil {
			return
		}
		if again, err := uid.Parse(u.String()); err != nil || again != u || len(u.String()) > 64 {
			t.Errorf("Parse(%q) = %q, which is not a UID", s, u)
		}
	})
}

func TestStrict(t *testing.T) {
	for _, tt := range []struct {
		uid  string
		want bool
	}{{"1.2.0.3", true}, {"1.02", false}, {"00.1", false}} {
		if got := uid.Must(tt.uid).Strict(); got != tt.want {
			t.Errorf("Strict of %s = %v; want %v", tt.uid, got, tt.want)
		}
	}
	if (uid.UID{}).Strict() {
		t.Error("no UID is strict")
	}
}

func TestJSON(t *testing.T) {
	type pair struct{ A, B uid.UID }
	text, err := json.Marshal(pair{A: uid.Verification})
	if err != nil || string(text) != `{"A":"1.2.840.10008.1.1","B":""}` {
		t.Fatalf("Marshal = %s, %v", text, err)
	}
	var got pair
	if err := json.Unmarshal(text, &got); err != nil || got != (pair{A: uid.Verification}) {
		t.Errorf("Unmarshal = %v, %v", got, err)
	}
	if err := json.Unmarshal([]byte(`{"A":"x"}`), &got); err == nil {
		t.Error("a letter is taken for a UID")
	}
}

func TestNew(t *testing.T) {
	// RFC 9562 gives no example as a number; this one is of 16 bytes FF, with
	// version and variant put in: FFFFFFFF-FFFF-4FFF-BFFF-FFFFFFFFFFFF.
	got, err := uid.New(bytes.NewReader(bytes.Repeat([]byte{0xFF}, 16)))
	if want := "2.25.340282366920937632322261936355783213055"; got.String() != want || err != nil {
		t.Errorf("New = %v, %v; want %v", got, err, want)
	}
	if _, err := uid.New(iotest.ErrReader(errors.New("no entropy"))); fault.Of(err) != fault.Unavailable {
		t.Errorf("kind %v; want unavailable", fault.Of(err))
	}
	a, _ := uid.New(rand.Reader)
	if b, _ := uid.New(rand.Reader); a == b || !a.Strict() {
		t.Errorf("New gave %v and then %v", a, b)
	}
}

func TestDerive(t *testing.T) {
	a := uid.Derive(uid.CTImageStorage, "a")
	switch {
	case a != uid.Derive(uid.CTImageStorage, "a"):
		t.Error("the same name gave two UIDs")
	case a == uid.Derive(uid.CTImageStorage, "b"), a == uid.Derive(uid.MRImageStorage, "a"):
		t.Error("two names share a UID")
	case !a.Strict() || !strings.HasPrefix(a.String(), "2.25."):
		t.Errorf("%v is no UID of a UUID", a)
	}
	// uuid.uuid5(uuid.uuid5(uuid.NAMESPACE_OID, "1.2.840.10008.5.1.4.1.1.2"), "a").int in Python
	if want := "2.25.164730785609182827097002573221278392160"; a.String() != want {
		t.Errorf("Derive = %v; want %v", a, want)
	}
}

func TestSyntaxOf(t *testing.T) {
	for _, tt := range []struct {
		name  string
		uid   uid.UID
		want  uid.Syntax
		known bool
	}{
		{"default", uid.ImplicitVRLittleEndian, uid.Syntax{Implicit: true}, true},
		{"explicit", uid.ExplicitVRLittleEndian, uid.Syntax{}, true},
		{"big endian", uid.ExplicitVRBigEndian, uid.Syntax{BigEndian: true}, true},
		{"deflated", uid.DeflatedExplicitVRLittleEndian, uid.Syntax{Deflated: true}, true},
		{"deflated frames are not a deflated data set", uid.DeflatedImageFrameCompression, uid.Syntax{Encapsulated: true}, true},
		{"JPEG", uid.JPEGBaseline8Bit, uid.Syntax{Encapsulated: true}, true},
		{"HTJ2K", uid.HTJ2K, uid.Syntax{Encapsulated: true}, true},
		{"pixels elsewhere", uid.JPIPReferencedDeflate, uid.Syntax{Deflated: true}, true},
		{"a syntax yet to come", uid.Must("1.2.840.10008.1.2.4.999"), uid.Syntax{Encapsulated: true}, false},
		{"a private one", uid.Must("1.2.3"), uid.Syntax{}, false},
		{"no transfer syntax at all", uid.CTImageStorage, uid.Syntax{}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, known := uid.SyntaxOf(tt.uid); got != tt.want || known != tt.known {
				t.Errorf("SyntaxOf = %+v, %v; want %+v, %v", got, known, tt.want, tt.known)
			}
		})
	}
}

// TestEverySyntaxIsKnown holds the registry against SyntaxOf, and Lookup against All.
func TestEverySyntaxIsKnown(t *testing.T) {
	syntaxes, storage := 0, 0
	for e := range uid.All() {
		if got, ok := uid.Lookup(e.UID); !ok || got != e {
			t.Errorf("Lookup(%v) = %v, %v; want %v", e.UID, got, ok, e)
		}
		if _, err := uid.Parse(e.UID.String()); err != nil {
			t.Error(err)
		}
		if e.Type == "Transfer Syntax" {
			syntaxes++
			if _, known := uid.SyntaxOf(e.UID); !known {
				t.Errorf("SyntaxOf does not know %v, %s", e.UID, e.Name)
			}
		}
		if e.Storage {
			storage++
		}
	}
	if syntaxes < 60 || storage < 200 {
		t.Errorf("%d transfer syntaxes and %d storage classes; want at least 60 and 200", syntaxes, storage)
	}
}

func TestIsStorage(t *testing.T) {
	for _, tt := range []struct {
		name string
		uid  uid.UID
		want bool
	}{
		{"an image", uid.CTImageStorage, true},
		{"a retired class", uid.UltrasoundImageStorageRetired, true},
		{"of 2024", uid.ConfocalMicroscopyImageStorage, true},
		{"no patient's object", uid.HangingProtocolStorage, true},
		{"media alone", uid.MediaStorageDirectoryStorage, false},
		{"a service about storing", uid.StorageCommitmentPushModel, false},
		{"nothing", uid.UID{}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := uid.IsStorage(tt.uid); got != tt.want {
				t.Errorf("IsStorage(%v) = %v; want %v", tt.uid, got, tt.want)
			}
		})
	}
}
