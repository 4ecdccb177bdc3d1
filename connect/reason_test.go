package connect_test

import (
	"strings"
	"testing"

	"radagora/connect"
	"radagora/db"
	"radagora/db/dbtest"
)

// TestReasonsAreUnderTheKey: what somebody types about a message may name the patient,
// and the journal keeps names under the key of the person alone.
func TestReasonsAreUnderTheKey(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		const typed = "LEAK^CANARY was born in May"
		k := newDesk(t, d)
		k.accept(func(c *connect.Channel) { c.WaitUnknown = true })
		ids := k.send(message("ADT^A08", 1, "EVN|A08", pid), []byte("MSH|^~\\&|RIS|H\rPID|1||\x00"))
		_, err := k.Replay(k.ctx, at, ids[0], nil, typed)
		k.check(err)
		k.settle()
		k.check(k.Remove(k.ctx, at, ids[0], typed))
		k.check(k.Remove(k.ctx, at, ids[1], typed))
		list, err := db.List(t.Context(), d, func(r *db.Rows) (s [2]string, err error) {
			var sealed int64
			err = r.Scan(&s[0], &s[1], &sealed)
			if sealed > 0 {
				s[0] += " under a key"
			}
			return s, err
		}, `select kind, data, coalesce(length(payload), 0) from journal_entry where kind in ('connect.message.replayed', 'connect.message.removed')
			and actor = 'u1' order by id`)
		k.check(err)
		var kinds []string
		for _, e := range list {
			if kinds = append(kinds, e[0]); strings.Contains(e[1], "born in May") {
				t.Errorf("the journal keeps what was typed for everybody to read: %s", e[0])
			}
		}
		if got := strings.Join(kinds, ", "); got != "connect.message.replayed under a key, connect.message.removed under a key, connect.message.removed" {
			t.Errorf("journal: %s", got)
		}
	})
}
