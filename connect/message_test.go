package connect_test

import (
	"testing"

	"radagora/access"
	"radagora/connect"
	"radagora/db/dbtest"
	"radagora/fault"
)

// TestWhoFindsMessages has people of several roles look for messages: of a patient, by
// control id, and all.
func TestWhoFindsMessages(t *testing.T) {
	k := newDesk(t, dbtest.Open(t, dbtest.SQLite(t)))
	k.accept(nil)
	ids := k.send(message("ADT^A28", 1, "EVN|A28", pid))
	m, err := k.Message(k.ctx, at, ids[0])
	k.check(err)
	restricted := func(r access.Role, site string) access.Who {
		return access.Who{ID: "u2", Grants: access.At(site, r), SignedAt: k.now}
	}
	for _, c := range []struct {
		name        string
		who         access.Who
		lists, sees bool // the flow; whom it is about, and what it says
	}{
		{"a data steward", restricted(access.Steward, at), true, true},
		{"an administrator", restricted(access.Administrator, at), true, false},
		{"a data steward of another site", restricted(access.Steward, "elsewhere"), false, false},
		{"nobody", access.Who{ID: "u3"}, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx := access.With(k.ctx, c.who)
			kind := func(ok bool) fault.Kind {
				if ok {
					return fault.Of(nil)
				}
				return fault.Forbidden
			}
			for _, f := range []connect.Filter{{}, {Control: m.Control}} {
				list, err := k.Messages(ctx, at, f)
				if fault.Of(err) != kind(c.lists) {
					t.Fatalf("listed: %v", err)
				}
				if c.lists && (len(list) != 1 || list[0].Body != nil || (list[0].Person != "") != c.sees) {
					t.Errorf("%d messages; a person is shown: %t, want %t", len(list), list[0].Person != "", c.sees)
				}
			}
			if list, err := k.Messages(ctx, at, connect.Filter{Person: m.Person}); fault.Of(err) != kind(c.sees) || c.sees && len(list) != 1 {
				t.Errorf("looked for a patient: %d, %v", len(list), err)
			}
			if _, err := k.Message(ctx, at, m.ID); fault.Of(err) != kind(c.sees) {
				t.Errorf("read: %v", err)
			}
		})
	}
}
