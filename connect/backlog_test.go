package connect_test

import (
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"radagora/connect"
	"radagora/db"
	"radagora/db/dbtest"
)

// backlogEnv says of how many examinations the messages wait: 18500 are about 100,000
// messages.
const backlogEnv = "RADAGORA_BACKLOG"

// TestBacklogInOrder has the messages of many examinations wait while their sender is
// held. Once it is let go they have their turn, each person's in order: the persons and
// orders of the first of them come to what the same messages come to on their own.
func TestBacklogInOrder(t *testing.T) {
	const sample = 64 // examinations looked at: they share nobody with the others
	exams := 2 * sample
	if s := os.Getenv(backlogEnv); s != "" {
		var err error
		if exams, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	messages := day(exams)
	first := slices.IndexFunc(messages, func(m []byte) bool { // of an examination that is not looked at
		_, family, _ := strings.Cut(string(m), "^Given")
		number, err := strconv.Atoi(family[:min(4, len(family))])
		return err == nil && number >= 1000+sample/2
	})
	workOff := func(t *testing.T, k *desk, messages [][]byte) (stored, applied time.Duration) {
		k.accept(func(c *connect.Channel) { c.State = connect.Held })
		began := time.Now()
		for _, m := range messages {
			_, err := k.Receive(t.Context(), connect.Arrival{Site: at, Body: m, Address: "10.1.2.3"})
			k.check(err)
		}
		stored = time.Since(began)
		all, err := k.Channels(k.ctx, at)
		k.check(err)
		all[0].State = connect.Accepted
		began = time.Now()
		_, err = k.SetChannel(k.ctx, all[0])
		k.check(err)
		k.settleIn(2 * time.Hour)
		applied = time.Since(began)
		left, err := k.Messages(k.ctx, at, connect.Filter{States: []connect.State{connect.Received, connect.Waiting, connect.Failed}})
		k.check(err)
		for _, m := range left {
			t.Errorf("%s %s: %s %s %v", m.Control, m.Code, m.State, m.Reason, m.Detail)
		}
		return stored, applied
	}
	alone := newDesk(t, dbtest.Open(t, dbtest.SQLite(t)))
	workOff(t, alone, messages[:first])
	want := strings.Split(alone.state(), "\n")
	if len(want) < sample {
		t.Fatalf("%d lines of %d examinations: the backlog tests nothing", len(want), sample)
	}
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		stored, applied := workOff(t, k, messages)
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		n := float64(len(messages))
		t.Logf("%d messages stored in %v (%.0f/s), worked off in %v (%.0f/s), %d MB held from the system",
			len(messages), stored.Round(time.Second/10), n/stored.Seconds(), applied.Round(time.Second/10), n/applied.Seconds(), m.Sys>>20)
		has := map[string]bool{}
		for l := range strings.SplitSeq(k.state(), "\n") {
			has[l] = true
		}
		for _, l := range want {
			if !has[l] {
				t.Errorf("not there after the backlog: %s", l)
			}
		}
	})
}
