package connect_test

import (
	"slices"
	"strings"
	"testing"

	"radagora/connect"
	"radagora/db/dbtest"
	"radagora/worklist"
)

// appointment is a message of one.
func appointment(event string, minute int, start string) []byte {
	return message("SIU^"+event, minute, "SCH|AP1|||||||||||||||||||||||||P1|F1", pid, "RGS|1", "AIS|1||CTABD^CT abdomen^L|"+start+"|0|min|20|min")
}

// TestAppointmentsEnd has appointments end in all the ways they have: the order leaves
// the worklist and stays as it was ordered, and a new appointment brings it back. What
// comes of it does not depend on the order of arrival.
func TestAppointmentsEnd(t *testing.T) {
	const first, second = "20261123103000", "20261124090000"
	off, on := "active cancelled 2026-11-23T10:30:00", "active scheduled 2026-11-24T09:00:00"
	for _, c := range []struct {
		name     string
		messages [][]byte
		want     string
	}{
		{"cancelled", [][]byte{order("NW", 1), appointment("S12", 2, first), appointment("S15", 3, first)}, off},
		{"discontinued", [][]byte{order("NW", 1), appointment("S12", 2, first), appointment("S16", 3, first)}, off},
		{"deleted", [][]byte{order("NW", 1), appointment("S12", 2, first), appointment("S17", 3, first)}, off},
		{"nobody came", [][]byte{order("NW", 1), appointment("S12", 2, first), appointment("S26", 3, first)}, off},
		{"booked anew", [][]byte{order("NW", 1), appointment("S12", 2, first), appointment("S15", 3, first), appointment("S12", 4, second)}, on},
		{"the order says when, since", [][]byte{order("NW", 1), appointment("S12", 2, first), appointment("S15", 3, first), order("XO", 4, "20261123081500", second)}, on},
		{"the order is cancelled too", [][]byte{order("NW", 1), appointment("S12", 2, first), appointment("S15", 3, first), order("CA", 4)}, "cancelled cancelled 2026-11-23T10:30:00"},
	} {
		t.Run(c.name, func(t *testing.T) {
			back := slices.Clone(c.messages)
			slices.Reverse(back)
			for i, messages := range [][][]byte{c.messages, back, slices.Concat(c.messages[1:], c.messages[:1])} {
				if i > 0 && strings.HasPrefix(c.want, "cancelled") {
					continue // what is cancelled before it came says when it was ordered for
				}
				k := newDesk(t, dbtest.Open(t, dbtest.SQLite(t)))
				k.accept(nil)
				for _, m := range messages {
					k.send(m)
				}
				found, err := k.worklist.Numbered(k.ctx, at, worklist.Numbers{Placer: "P1"})
				k.check(err)
				var got []string
				for _, o := range found {
					for _, s := range o.Steps {
						got = append(got, strings.Join([]string{string(o.State), string(s.State), s.Start}, " "))
					}
				}
				if !slices.Equal(got, []string{c.want}) {
					t.Errorf("in order %d: %q; want %q", i, got, c.want)
				}
				left, err := k.Messages(k.ctx, at, connect.Filter{States: []connect.State{connect.Waiting, connect.Failed}})
				k.check(err)
				if len(left) > 0 {
					t.Errorf("%s %s: %s", left[0].Code, left[0].State, left[0].Reason)
				}
			}
		})
	}
}
