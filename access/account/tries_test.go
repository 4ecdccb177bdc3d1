package account_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"radagora/access/account"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/fault"
)

// wrong tries n wrong passwords from an address and returns how many were looked
// at, and how long the next would have to wait.
func (h *house) wrong(t *testing.T, login, address string, n int) (looked int, wait time.Duration) {
	t.Helper()
	for range n {
		_, err := h.Passcode(from(t, address), login, "wrong")
		w := new(account.WaitError)
		switch {
		case errors.As(err, &w):
			wait = w.Wait
		case fault.Of(err) == fault.Forbidden:
			looked++
		default:
			t.Fatalf("try at %s: %v", login, err)
		}
	}
	return looked, wait
}

func TestGuessingIsSlow(t *testing.T) {
	run(t, func(t *testing.T, h *house) {
		h.add(t, "ada")
		looked, wait := h.wrong(t, "ada", "198.51.100.7", 1000)
		if looked != 6 || wait <= 0 {
			t.Errorf("%d of 1000 tries at once were looked at, wait %s; want 6 and a pause", looked, wait)
		}
		looked = 0
		for range 24 * 60 { // once a minute for a day
			h.pass(time.Minute)
			n, _ := h.wrong(t, "ada", "198.51.100.7", 1)
			looked += n
		}
		if looked > 24*4+20 {
			t.Errorf("%d tries in a day; want about four an hour", looked)
		}
		t.Logf("one address, one login, a try a minute for a day: %d looked at", looked)
	})
}

// TestOthersAreNotLockedOut has ten thousand addresses guess at one login for an
// hour, then lets its owner in: at once from the device they use, and within the
// pause of the login from a new one.
func TestOthersAreNotLockedOut(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		h := open(t, d, nil)
		h.add(t, "ada")
		b := h.browser(t)
		if kind := b.signIn("ada", good); kind != "" {
			t.Fatal(kind)
		}
		b.ask(h.SignOut)
		looked := 0
		for i := range 500 {
			n, _ := h.wrong(t, "ada", fmt.Sprintf("203.0.%d.%d", 100+i/200, i%200), 1)
			looked += n
			h.pass(time.Second)
		}
		t.Logf("500 addresses, a try a second: %d looked at", looked)
		if looked > 60 {
			t.Errorf("%d tries of 500 were looked at", looked)
		}
		if kind := b.signIn("ada", good); kind != "" {
			t.Errorf("the owner, on the device they use: %s", kind)
		}
		_, err := h.Passcode(from(t, "192.0.2.1"), "ada", good)
		wait := new(account.WaitError)
		if !errors.As(err, &wait) || wait.Wait > 30*time.Second {
			t.Errorf("the owner on a new device: %v; want to wait 30 s at most", err)
		}
		h.pass(31 * time.Second)
		if _, err := h.Passcode(from(t, "192.0.2.1"), "ada", good); err != nil {
			t.Errorf("after the pause: %v", err)
		}
	})
}

// TestOwnAccountBuysNoTries alternates wrong passwords of others with the right one
// of one's own.
func TestOwnAccountBuysNoTries(t *testing.T) {
	run(t, func(t *testing.T, h *house) {
		h.add(t, "mallory")
		looked := 0
		for i := range 200 {
			n, _ := h.wrong(t, fmt.Sprintf("victim%d", i), "198.51.100.7", 1)
			looked += n
			_, _ = h.Passcode(from(t, "198.51.100.7"), "mallory", good)
		}
		if looked > 31 {
			t.Errorf("%d tries at other accounts; want at most 31", looked)
		}
	})
}

// TestTriesAtOnceAreCounted sends many at the same moment.
func TestTriesAtOnceAreCounted(t *testing.T) {
	run(t, func(t *testing.T, h *house) {
		h.add(t, "ada")
		var looked atomic.Int64
		var all sync.WaitGroup
		for range 60 {
			all.Go(func() {
				_, err := h.Passcode(from(t, "198.51.100.7"), "ada", "wrong")
				if fault.Of(err) == fault.Forbidden {
					looked.Add(1)
				}
			})
		}
		all.Wait()
		if n := looked.Load(); n > 6 {
			t.Errorf("%d of 60 tries at once were looked at; want 6 at most", n)
		}
	})
}

// TestNobodyIsToldWhoExists compares answers, entries and work for logins that exist
// and that do not.
func TestNobodyIsToldWhoExists(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		h := open(t, d, func(o *account.Options) { o.Cost = account.Cost{Memory: 8 << 10, Passes: 1, Lanes: 1} })
		ended := h.add(t, "ended")
		h.add(t, "ada")
		if err := h.End(t.Context(), ended, true); err != nil {
			t.Fatal(err)
		}
		texts, work := map[string]string{}, map[string]int64{}
		for i := range 15 {
			for _, login := range []string{"ada", "ended", "nobody"} {
				before := h.Derived()
				_, err := h.Passcode(from(t, fmt.Sprintf("192.0.2.%d", i)), login, "wrong")
				work[login] += h.Derived() - before
				texts[login] = fmt.Sprint(err)
				h.pass(time.Minute)
			}
		}
		if texts["ada"] != texts["nobody"] || texts["ada"] != texts["ended"] {
			t.Errorf("answers differ: %q", texts)
		}
		if work["ada"] == 0 || work["ada"] != work["nobody"] || work["ada"] != work["ended"] {
			t.Errorf("not the same work, in passwords hashed: %v", work)
		}
	})
}

// TestFloodKeepsItsShare lets hundreds sign in at once: few are hashed at a time,
// and who comes when too many wait is told so.
func TestFloodKeepsItsShare(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		h := open(t, d, func(o *account.Options) {
			o.Workers = 1
			o.Cost = account.Cost{Memory: 16 << 10, Passes: 1, Lanes: 1}
		})
		var full, other atomic.Int64
		var all sync.WaitGroup
		for i := range 150 {
			all.Go(func() {
				ctx := account.At(context.WithoutCancel(t.Context()), account.Place{Address: addr(i)})
				_, err := h.Passcode(ctx, fmt.Sprintf("user%d", i), "wrong")
				switch {
				case fault.Of(err) == fault.Exhausted && strings.Contains(err.Error(), "few seconds"):
					full.Add(1)
				case fault.Of(err) != fault.Forbidden:
					other.Add(1)
				}
			})
		}
		all.Wait()
		if other.Load() > 0 {
			t.Errorf("%d other answers", other.Load())
		}
		t.Logf("%d of 150 were told to come again", full.Load())
	})
}
