package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"radagora/connect"
	"radagora/db"
	"radagora/hl7"
	"radagora/hl7/mllp"
	"radagora/site"
	"radagora/worklist"
)

// A neighbour is a system of the test's own that takes messages and remembers them in the
// order in which they came, each as often as it did.
type neighbour struct {
	address string
	mu      sync.Mutex
	got     []delivery
}

// A delivery is a message that a neighbour got.
type delivery struct{ control, body string }

// neighbouring starts a neighbour that lasts as long as the test, over TLS if there is a
// configuration.
func neighbouring(t *testing.T, config *tls.Config) *neighbour {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	k := &neighbour{address: l.Addr().String()}
	s := &mllp.Server{TLS: config, Now: time.Now, ControlID: db.NewID, Receiver: mllp.Keeper{Now: time.Now, ControlID: db.NewID, Keep: k.keep}}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	t.Cleanup(func() { stop(); check(t, <-done) })
	return k
}

func (k *neighbour) keep(_ context.Context, _ mllp.Peer, body []byte) error {
	m, err := hl7.Parse(body, nil)
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.got = append(k.got, delivery{m.Header().ControlID, string(body)})
	return nil
}

// once returns what came, each in its first place, and how often something came again.
// A message that comes again is the one before it, byte by byte: nothing is passed over.
func (k *neighbour) once(t *testing.T) (all []string, again int) {
	t.Helper()
	k.mu.Lock()
	defer k.mu.Unlock()
	seen := map[string]string{}
	for _, x := range k.got {
		had, known := seen[x.control]
		switch {
		case !known:
			all = append(all, x.control)
			seen[x.control] = x.body
		case all[len(all)-1] != x.control:
			t.Errorf("%s came again behind others", x.control)
		case had != x.body:
			t.Errorf("%s came again and says something else", x.control)
		default:
			again++
		}
	}
	return all, again
}

// keepOrdering sends orders over a line of its own until the server is gone, every third
// moved to another time, and returns the numbers of those that were acknowledged.
func keepOrdering(ctx context.Context, s *server, name string) (orders []string) {
	c := &mllp.Client{Address: s.hl7, Now: time.Now, Retry: mllp.Retry{Attempts: 1}}
	defer func() { _ = c.Close() }()
	for n := 0; ; n++ {
		id, now := fmt.Sprintf("%s-%d", name, n), time.Now()
		for i, control := range []string{"NW", "XO"}[:1+(n+1)%3/2] {
			at := now.Add(time.Duration(1+i) * time.Hour).Format("20060102150405")
			m := hl7Message("ORM^O01", control+id, now.Add(time.Duration(i)*time.Second), "PID|1||"+id+"^^^HIS^PI||Muster^"+id,
				"ORC|"+control+"|P"+id+"|F"+id+"||||^^^"+at, "OBR|1|P"+id+"|F"+id+"|CTHEAD^CT head^L||||||||||||||A"+id+"|RP"+id+"|||||CT|||^^^"+at)
			if _, err := c.Send(ctx, m); err != nil {
				return orders
			}
			if control == "NW" {
				orders = append(orders, id)
			}
		}
	}
}

// TestKilledWhileOrdersGoOut kills the server at random moments while orders come in and
// are told to two receivers, and expects that every order that was acknowledged stands
// in the worklist, and that each receiver got every message at least once, the same
// each time, and in order.
func TestKilledWhileOrdersGoOut(t *testing.T) {
	slow(t)
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	neighbours := map[string]*neighbour{"PACS": neighbouring(t, nil), "PORTAL": neighbouring(t, nil)}
	for name, k := range neighbours {
		command(t, exitDone, "message", "send-to", "--data", data, name, k.address, "--tell", "changes", "--tell", "status")
	}
	flags := []string{"--mllp", "127.0.0.1:0", "--reach", "127.0.0.1"}
	var acked []string
	for round := range killRounds(t, 3) {
		s := serve(t, data, flags...)
		ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
		done := make(chan []string)
		for g := range 3 {
			go func() { done <- keepOrdering(ctx, s, fmt.Sprintf("%d%d", round, g)) }()
		}
		time.Sleep(time.Duration(1500+rand.IntN(1500)) * time.Millisecond)
		s.kill()
		for range 3 {
			acked = append(acked, <-done...)
		}
		stop()
	}
	if len(acked) == 0 {
		t.Fatal("nothing was acknowledged: the test tests nothing")
	}
	s := serve(t, data, flags...)
	quiet := 0
	for began := time.Now(); quiet < 3; time.Sleep(time.Second) { // an order may have had its turn while nobody was told of it yet
		code, in := get(s, "/settings/messages?state=received")
		quiet++
		_, out := get(s, "/settings/messages?direction=out&state=queued")
		if code != http.StatusOK || !strings.Contains(in, "No message fits") || !strings.Contains(out, "No message fits") {
			quiet = 0
		}
		if time.Since(began) > 3*time.Minute {
			t.Fatal("not every message had its turn")
		}
	}
	check(t, s.stop())
	noCanary(t, s.log())
	inside(t, data, func(ctx context.Context, h *house) {
		for _, id := range acked {
			found, err := h.Worklist.Numbered(ctx, site.Default, worklist.Numbers{Placer: "P" + id})
			if err != nil || len(found) != 1 || found[0].State != worklist.Active || found[0].Steps[0].State != worklist.Scheduled {
				t.Errorf("acknowledged, and not on the worklist: %s: %d orders, %v", id, len(found), err)
			}
		}
		receivers, err := h.Connect.Receivers(ctx, site.Default)
		check(t, err)
		for _, r := range receivers {
			written := outgoingOf(ctx, t, h, r.ID)
			got, again := neighbours[r.ToApplication].once(t)
			if !slices.Equal(written, got) {
				t.Errorf("%s got %d messages, or in another order, of %d", r.ToApplication, len(got), len(written))
			}
			if len(written) < len(acked) {
				t.Errorf("%s was written %d messages of %d orders", r.ToApplication, len(written), len(acked))
			}
			t.Logf("%s: %d messages, %d of them came again", r.ToApplication, len(got), again)
		}
	})
	t.Logf("%d orders acknowledged", len(acked))
}

// outgoingOf returns the control ids of all messages for a receiver, in the order in
// which they are sent; each must have been taken.
func outgoingOf(ctx context.Context, t *testing.T, h *house, receiver string) (controls []string) {
	t.Helper()
	f := connect.OutFilter{Receiver: receiver, Limit: 1000}
	for {
		list, err := h.Connect.OutMessages(ctx, site.Default, f)
		check(t, err)
		for _, m := range list {
			if m.State != connect.Sent {
				t.Errorf("%s is %s %s", m.Control, m.State, m.Reason)
			}
			controls, f.Before = append(controls, m.Control), m.ID
		}
		if len(list) < f.Limit {
			slices.Reverse(controls)
			return controls
		}
	}
}
