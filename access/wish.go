package access

import (
	"context"
	"encoding/json"
	"time"

	"radagora/db"
	"radagora/fault"
)

// A Wish is what a person asked for about the use of their data.
type Wish string

// The wishes.
const (
	Restricted  Wish = "restricted"   // processing stops, storage goes on (GDPR Art. 18)
	NoSecondary Wish = "no_secondary" // nothing beyond care and the site's own quality (EHDS Art. 71)
)

// A Held is a wish with its time.
type Held struct {
	Wish           Wish
	Since, Until   time.Time // the zero Until: it holds
	Reason, MadeBy string
}

// Wish notes that a person asked for something, or takes it back, as part of tx. It
// changes nothing if it is so already.
func (f *Facts) Wish(ctx context.Context, tx *db.Tx, p Person, w Wish, holds bool, reason string) error {
	if p.ID == "" || w != Restricted && w != NoSecondary {
		return fault.Errorf(fault.Invalid, "wish: it needs a person and is %s or %s", Restricted, NoSecondary)
	}
	if !holds {
		if err := f.include(ctx, tx, p, w); err != nil {
			return err
		}
	}
	var n int
	err := tx.QueryRow(ctx, `select count(*) from access_wish where site_id = $1 and person = $2 and wish = $3 and until = 0`,
		p.Site, p.ID, string(w)).Scan(&n)
	if err != nil || (n > 0) == holds {
		return err
	}
	now := db.Millis(f.Now())
	if holds {
		_, err = tx.Exec(ctx, `insert into access_wish (site_id, person, wish, since, reason, made_by) values ($1, $2, $3, $4, $5, $6)
			on conflict (site_id, person, wish, since) do update set until = 0`, p.Site, p.ID, string(w), now, reason, From(ctx).ID)
	} else {
		_, err = tx.Exec(ctx, `update access_wish set until = $4 where site_id = $1 and person = $2 and wish = $3 and until = 0`,
			p.Site, p.ID, string(w), now)
	}
	if err != nil {
		return err
	}
	kind := "access.wish.made"
	if !holds {
		kind = "access.wish.ended"
	}
	return f.record(ctx, tx, p.Site, kind, p.ID, "", map[string]any{"wish": string(w)}, map[string]any{"reason": reason})
}

// Wishes returns what a person asked for, now and before.
func (f *Facts) Wishes(ctx context.Context, p Person) ([]Held, error) {
	return db.List(ctx, f.DB, func(r *db.Rows) (h Held, err error) {
		var since, until int64
		err = r.Scan(&h.Wish, &since, &until, &h.Reason, &h.MadeBy)
		h.Since, h.Until = db.FromMillis(since), db.FromMillis(until)
		return h, err
	}, `select wish, since, until, reason, made_by from access_wish where site_id = $1 and person = $2 order by since desc`, p.Site, p.ID)
}

// Wishing returns the persons of a site who have a wish, for rooms that leave their
// rows out.
func (f *Facts) Wishing(ctx context.Context, site string, w Wish) (map[string]bool, error) {
	list, err := db.List(ctx, f.DB, func(r *db.Rows) (p string, err error) { return p, r.Scan(&p) },
		`select person from access_wish where site_id = $1 and wish = $2 and until = 0`, site, string(w))
	all := make(map[string]bool, len(list))
	for _, p := range list {
		all[p] = true
	}
	return all, err
}

// actor returns who asks, as the journal names them.
func actor(ctx context.Context) string {
	if id := From(ctx).ID; id != "" {
		return id
	}
	return "system:access"
}

// encode returns data as JSON.
func encode(data map[string]any) json.RawMessage {
	text, err := json.Marshal(data)
	if err != nil {
		panic(err) // the values are texts and numbers
	}
	return text
}

// stamp returns an instant as text, "" for the zero time.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// Decisions returns how many wishes were noted at a site between two moments, the later
// one not included.
func (f *Facts) Decisions(ctx context.Context, site string, from, until time.Time) (n int64, err error) {
	err = f.DB.QueryRow(ctx, `select count(*) from access_wish where site_id = $1 and since >= $2 and since < $3`,
		site, db.Millis(from), db.Millis(until)).Scan(&n)
	return n, err
}
