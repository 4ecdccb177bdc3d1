package connect

import (
	"context"
	"time"

	"radagora/db"
	"radagora/fault"
	"radagora/journal"
)

// The set with the times for which contents are kept.
const keeping = "connect/keep"

// emptyBatch is how many messages lose their content in one transaction.
const emptyBatch = 500

// Prune removes the contents of the messages of a site that had their effect, in and
// out, once they are as old as the content set connect/keep says. Their headers, and
// what came of them, stay; what waits for somebody stays whole. It returns how many
// there were.
func (r *Register) Prune(ctx context.Context, site string) (int, error) {
	table, err := r.Content.Table(site, keeping, "settings")
	if err != nil {
		return 0, err
	}
	days := map[string]float64{}
	for row := range table.All() {
		days[row.Text("key")], _ = row.Number("value")
	}
	all := 0
	for _, x := range []struct{ key, name, sql string }{
		{"message.in.content", "in", `update connect_message set body = $3, emptied = true where message_id in (select message_id from connect_message
			where site_id = $1 and emptied = false and at < $2 and (state in ('applied', 'duplicate', 'replaced', 'removed') or state = 'failed' and person = '') limit $4)`},
		{"message.out.content", "out", `update connect_outgoing set body = $3, answer = null, emptied = true where outgoing_id in (select outgoing_id
			from connect_outgoing where site_id = $1 and emptied = false and at < $2 and state in ('sent', 'replaced', 'removed') limit $4)`},
	} {
		age, ok := days[x.key]
		if !ok || age <= 0 {
			return all, fault.Errorf(fault.Invalid, "content set %s: %s has no number of days", keeping, x.key)
		}
		before := r.Now().Add(-time.Duration(age * float64(24*time.Hour)))
		n, err := r.empty(ctx, site, x.sql, x.name, before)
		if all += n; err != nil {
			return all, err
		}
	}
	return all, nil
}

// empty removes contents, a batch at a time.
func (r *Register) empty(ctx context.Context, site, sql, direction string, before time.Time) (all int, err error) {
	for {
		gone := int64(0)
		err := r.DB.Write(ctx, func(tx *db.Tx) error {
			var err error
			gone, err = tx.Exec(ctx, sql, site, db.Millis(before), []byte{}, emptyBatch)
			if err != nil || gone == 0 {
				return err
			}
			return r.record(ctx, tx, journal.Entry{Site: site, Actor: "system:connect", Kind: "connect.message.emptied", Subject: direction},
				map[string]any{"n": gone, "before": before.UTC()})
		})
		all += int(gone)
		if err != nil || gone < emptyBatch {
			return all, err
		}
	}
}
