package account_test

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"radagora/access"
	"radagora/access/account"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/fault"
)

// addr makes addresses that differ.
func addr(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}) }

// why returns why a password was not taken, "" if it was.
func why(t *testing.T, err error) string {
	t.Helper()
	weak := new(account.WeakError)
	if errors.As(err, &weak) {
		return weak.Why
	}
	if err != nil {
		t.Fatal(err)
	}
	return ""
}

func TestWeakPasswords(t *testing.T) {
	d := dbtest.Open(t, dbtest.SQLite(t))
	h := open(t, d, func(o *account.Options) { o.OwnWords = []string{"Example Hospital North"} })
	id, err := h.Add(t.Context(), access.User{Name: "Ada Quatermain", Login: "aquat", Mail: "ada.q@north.example"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, password, want string }{
		{"eleven characters", "kj3#qv9!zx2", "short"},
		{"twelve of another alphabet", "шуткаяблокод", ""},
		{"twelve without pattern", "kj3#qv9!zx2w", ""},
		{"a passphrase of four words", "heron kettle violin mast", ""},
		{"a passphrase of common words", "correct horse battery staple", ""},
		{"one of the list, twice", "passwordpassword", "simple"},
		{"one of the list", "Password1234", "common"},
		{"a common word and digits", "Password2468", "simple"},
		{"letters replaced", "P@ssw0rd1234", "simple"},
		{"digits in between and at the end", "Dr4g0n-2026!", "simple"},
		{"a word of the trade and the year", "Radiologie2026!", "simple"},
		{"a season and the year, twice", "Sommer26Sommer26", "simple"},
		{"two common words", "dragonmonkey99", "simple"},
		{"a run", "123456789012", "simple"},
		{"a row of keys", "asdfghjkl;34", "simple"},
		{"one letter", "aaaaaaaaaaaaaaaa", "simple"},
		{"the login", "xyaquat!9kQ3#", "own"},
		{"the name", "quatermain!9kQ3#", "own"},
		{"the name with letters replaced", "Qu4t3rm4in!9kQ3#", "own"},
		{"the site", "north!9kQ3#zvw", "own"},
		{"the program", "radagora!9kQ3#zvw", "own"},
		{"longer than anybody types", strings.Repeat("kj3#qv9!", 200), "long"},
		{"a control character", "kj3#qv9!zx2w\x00a", "letters"},
		{"only spaces", "              ", "simple"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := why(t, h.SetPassword(t.Context(), id, c.password)); got != c.want {
				t.Errorf("%q: %q; want %q", c.password, got, c.want)
			}
		})
	}
}

// TestComposedLetters types the same letters on two keyboards.
func TestComposedLetters(t *testing.T) {
	run(t, func(t *testing.T, h *house) {
		id := h.add(t, "ada")
		if err := h.SetPassword(t.Context(), id, "z\u00fcrcher ge\u00f6lte t\u00fcr 4"); err != nil {
			t.Fatal(err)
		}
		if _, err := h.Passcode(t.Context(), "ada", "zu\u0308rcher geo\u0308lte tu\u0308r 4"); err != nil {
			t.Errorf("composed otherwise: %v", err)
		}
	})
}

func TestLargerList(t *testing.T) {
	file := filepath.Join(t.TempDir(), "common")
	list := "heron kettle violin 9\n" +
		"c3499c2729730a7f807efb8676a92dcb6f8a3f8f:42\r\n" + // SHA-1 of "example"
		"7C4A8D09CA3762AF61E59520943DC26494F8941B\n" + // of "123456"
		"heron kettle violin 9\n\n"
	n, err := account.WriteCommon(strings.NewReader(list), file)
	if err != nil || n != 3 {
		t.Fatalf("%d entries, %v; want 3", n, err)
	}
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		h := open(t, d, func(o *account.Options) { o.Common, o.Limits.Length = file, 6 })
		id := h.add(t, "ada")
		for password, want := range map[string]string{
			"heron kettle violin 9": "common", "Heron Kettle Violin 9": "common", "example": "common",
			"heron kettle violin 8": "", "kj3#qv9!zx2w": "",
		} {
			if got := why(t, h.SetPassword(t.Context(), id, password)); got != want {
				t.Errorf("%q: %q; want %q", password, got, want)
			}
		}
	})
}

func TestBrokenLists(t *testing.T) {
	d := dbtest.Open(t, dbtest.SQLite(t))
	users, err := access.Open(t.Context(), d, (&house{}).now)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"a text": "password\n123456\n", "cut off": "radagora common passwords 1\nabc", "empty": "",
	} {
		file := filepath.Join(t.TempDir(), "common")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := account.Open(t.Context(), account.Options{DB: d, Users: users, Journal: &house{}, Key: [32]byte{1}, Cost: cheap, Common: file})
		if fault.Of(err) != fault.Invalid {
			t.Errorf("%s: %v; want invalid", name, err)
		}
	}
}
