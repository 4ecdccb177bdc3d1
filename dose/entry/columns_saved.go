package entry

import (
	"context"
	"encoding/json"

	"radagora/db"
	"radagora/fault"
)

// SaveLayout keeps how the tables of a room are read, in the place of what was kept.
func (b *Book) SaveLayout(ctx context.Context, siteID, by, room string, l Layout) error {
	raw, err := json.Marshal(l)
	if err != nil {
		return err
	}
	if room == "" || len(raw) > 64<<10 {
		return fault.Errorf(fault.Invalid, "a map of columns is kept for a room")
	}
	return b.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `insert into dose_entry_map (site_id, room_id, columns, done_by, done_at) values ($1, $2, $3, $4, $5)
			on conflict (site_id, room_id) do update set columns = excluded.columns, done_by = excluded.done_by, done_at = excluded.done_at`,
			siteID, room, string(raw), by, db.Millis(b.Now()))
		if err != nil {
			return err
		}
		return b.journalled(ctx, tx, siteID, by, "dose.entry.mapped", room, l)
	})
}

// LayoutOf returns how the tables of a room are read, the zero Layout if nobody said.
func (b *Book) LayoutOf(ctx context.Context, siteID, room string) (l Layout, err error) {
	all, err := db.List(ctx, b.DB, func(r *db.Rows) (s string, err error) { return s, r.Scan(&s) },
		`select columns from dose_entry_map where site_id = $1 and room_id = $2`, siteID, room)
	if err != nil || len(all) == 0 {
		return l, err
	}
	if err := json.Unmarshal([]byte(all[0]), &l); err != nil {
		return l, fault.Errorf(fault.Internal, "map of columns of room %s: %w", room, err)
	}
	return l, nil
}
