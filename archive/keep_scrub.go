package archive

import (
	"context"
	"errors"
	"time"

	"radagora/blob"
	"radagora/db"
	"radagora/fault"
	"radagora/journal"
)

// ScrubOptions say how the scrub goes about it.
type ScrubOptions struct {
	Rate   int64         // bytes a second at most; 0 for as many as can be
	Every  time.Duration // a pack is read again after this time
	Budget int64         // bytes after which it rests, to go on later where it stopped; 0 for no such end
}

// A Scrubbed says what a scrub did.
type Scrubbed struct {
	Packs, Objects, Bytes, Damaged, Mended int64
}

// Scrub reads packs, those first that were not read for longest, and compares every
// object with its digest. It goes on where the last one stopped. What is damaged is
// noted, journalled, and put again from the second place if that has it whole.
func (a *Archive) Scrub(ctx context.Context, o ScrubOptions) (Scrubbed, error) {
	var sum Scrubbed
	store, err := a.packs()
	if err != nil {
		return sum, err
	}
	if err := a.Survey(ctx); err != nil {
		return sum, err
	}
	before := db.Millis(a.Now().Add(-o.Every)) // of the beginning: what is read now is not due again
	for o.Budget <= 0 || sum.Bytes < o.Budget {
		list, err := db.List(ctx, a.DB, scanPack, fromPack+`where superseded_ms = 0 and (read_to > 0 or read_ms < $1)
			order by case when read_to > 0 then 0 else 1 end, read_ms, pack limit 1`, before)
		if err != nil || len(list) == 0 {
			return sum, err
		}
		if err := a.scrubPack(ctx, store, list[0], o, &sum); err != nil {
			return sum, err
		}
	}
	return sum, nil
}

// note is after how many bytes the scrub notes how far it is.
const note = 64 << 20

// scrubPack reads a pack, or as much of it as the budget allows.
func (a *Archive) scrubPack(ctx context.Context, store blob.Packs, p Pack, o ScrubOptions, sum *Scrubbed) error {
	if p.ReadTo == 0 {
		p.Objects, p.Damaged = 0, 0
	}
	pause := checker{o: CheckOptions{Rate: o.Rate}}
	noted := sum.Bytes
	for r, err := range store.Objects(ctx, p.Name) {
		if ctx.Err() != nil {
			return errors.Join(ctx.Err(), a.progress(context.WithoutCancel(ctx), p, false))
		}
		if err != nil && r.Pack == "" {
			return a.unreadablePack(ctx, p, err)
		}
		if r.Offset < p.ReadTo {
			continue
		}
		if err == nil {
			err = blob.Verify(ctx, store, r)
		}
		if ctx.Err() != nil {
			continue
		}
		p.Objects, sum.Objects, sum.Bytes = p.Objects+1, sum.Objects+1, sum.Bytes+r.Length
		if errors.Is(err, blob.ErrDamaged) {
			sum.Damaged++
			mended, failed := a.damaged(ctx, r, Damaged)
			if failed != nil {
				return failed
			}
			if mended {
				sum.Mended++
			} else {
				p.Damaged++
			}
		} else if err != nil && fault.Of(err) != fault.NotFound {
			return err
		}
		p.ReadTo = r.Offset + 1
		if o.Budget > 0 && sum.Bytes >= o.Budget {
			return a.progress(ctx, p, false)
		}
		if sum.Bytes-noted >= note {
			noted = sum.Bytes
			if err := a.progress(ctx, p, false); err != nil {
				return err
			}
		}
		if err := pause.pause(ctx, r.Length); err != nil {
			return errors.Join(err, a.progress(context.WithoutCancel(ctx), p, false))
		}
	}
	sum.Packs++
	return a.progress(ctx, p, true)
}

// unreadablePack notes a pack whose headers cannot be read. It is copied again if the
// second place has it.
func (a *Archive) unreadablePack(ctx context.Context, p Pack, err error) error {
	if !errors.Is(err, blob.ErrDamaged) {
		return err
	}
	p.Damaged = 1
	store, failed := a.packs()
	if failed == nil && a.Second != nil {
		if failed = blob.CopyPack(ctx, a.Second, store, p.Name); failed == nil {
			p.Damaged = 0
		}
	}
	return a.progress(ctx, p, true)
}

// progress notes how far a pack was read, or that it was to its end.
func (a *Archive) progress(ctx context.Context, p Pack, end bool) error {
	return a.DB.Write(ctx, func(tx *db.Tx) error {
		if end {
			_, err := tx.Exec(ctx, `update pack_state set read_ms = $2, read_to = 0, objects = $3, damaged = $4 where pack = $1`,
				p.Name, db.Millis(a.Now()), p.Objects, p.Damaged)
			return err
		}
		_, err := tx.Exec(ctx, `update pack_state set read_to = $2, objects = $3, damaged = $4 where pack = $1`, p.Name, p.ReadTo, p.Objects, p.Damaged)
		return err
	})
}

// damaged notes an object that is no longer what it was, and puts it again from the
// second place if it can. An object that no row has is of no concern: it is mended.
func (a *Archive) damaged(ctx context.Context, r blob.Ref, kind string) (mended bool, err error) {
	rows, err := db.List(ctx, a.DB, func(r *db.Rows) (w [2]string, err error) { return w, r.Scan(&w[0], &w[1]) },
		`select site_id, sop_uid from instance where pack = $1 and pack_offset = $2
		union all select site_id, sop_uid from quarantine where pack = $1 and pack_offset = $2
		union all select site_id, sop_uid from trash_object where pack = $1 and pack_offset = $2`, r.Pack, r.Offset)
	if err != nil || len(rows) == 0 {
		return err == nil, err
	}
	site, sop := rows[0][0], rows[0][1]
	fresh := false
	err = a.DB.Write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, `insert into damage (id, site_id, sop_uid, kind, pack, pack_offset, length, sha256, found_ms)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict (sha256, pack, pack_offset) do nothing`,
			db.NewID(), site, sop, kind, r.Pack, r.Offset, r.Length, r.SHA256[:], db.Millis(a.Now()))
		if err != nil || n == 0 {
			return err
		}
		fresh = true
		return a.Journal.Append(ctx, tx, journal.Entry{
			Site: site, Actor: "system:archive", Kind: "archive.object.damaged", Subject: sop,
			Data: encode(map[string]any{"pack": r.Pack, "offset": r.Offset, "length": r.Length, "kind": kind}),
		})
	})
	if err != nil {
		return false, err
	}
	if fresh {
		a.Log.ErrorContext(ctx, "an object is damaged", "sop", sop, "ref", r.String())
	}
	return a.mend(ctx, site, sop, r)
}

// mend puts an object again from the second place.
func (a *Archive) mend(ctx context.Context, site, sop string, r blob.Ref) (bool, error) {
	if a.Second == nil {
		return false, nil
	}
	now, err := blob.PutAgain(ctx, a.Second, a.Blobs, r)
	if err != nil {
		a.Log.WarnContext(ctx, "a damaged object cannot be mended from the second place", "ref", r.String(), "error", err)
		return false, ctx.Err()
	}
	used, err := a.Move(ctx, r, now)
	if err != nil {
		return false, err
	}
	bad := r
	if !used {
		bad = now
	}
	if err := a.Blobs.Remove(ctx, bad); err != nil && fault.Of(err) != fault.NotFound {
		a.Log.WarnContext(ctx, "a damaged object stays in its pack", "ref", bad.String(), "error", err)
	}
	return true, a.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `update damage set mended_ms = $4 where pack = $1 and pack_offset = $2 and sha256 = $3`, r.Pack, r.Offset, r.SHA256[:], db.Millis(a.Now()))
		if err != nil {
			return err
		}
		return a.Journal.Append(ctx, tx, journal.Entry{
			Site: site, Actor: "system:archive", Kind: "archive.object.mended", Subject: sop,
			Data: encode(map[string]any{"pack": r.Pack, "offset": r.Offset, "from": "second"}),
		})
	})
}

// A Damage is an object that was no longer what it was.
type Damage struct {
	ID, Site, SOP, Kind string
	Ref                 blob.Ref
	Found, Mended       time.Time // the zero time while it is not mended
}

// Damages returns what was found damaged, what is not mended first, at most limit.
func (a *Archive) Damages(ctx context.Context, limit int) ([]Damage, error) {
	return db.List(ctx, a.DB, func(r *db.Rows) (d Damage, err error) {
		var found, mended int64
		var sum []byte
		err = r.Scan(&d.ID, &d.Site, &d.SOP, &d.Kind, &d.Ref.Pack, &d.Ref.Offset, &d.Ref.Length, &sum, &found, &mended)
		copy(d.Ref.SHA256[:], sum)
		d.Found, d.Mended = db.FromMillis(found), db.FromMillis(mended)
		return d, err
	}, `select id, site_id, sop_uid, kind, pack, pack_offset, length, sha256, found_ms, mended_ms from damage
		order by case when mended_ms = 0 then 0 else 1 end, found_ms desc, id limit $1`, limit)
}

// A ScrubState says how the scrub stands.
type ScrubState struct {
	Packs, Bytes     int64     // that there are
	Read             int64     // bytes of packs that were read to their end at least once
	Oldest           time.Time // when the pack was read that was not read for longest; the zero time if one never was
	Damaged          int64     // objects, not mended
	Copied, Uncopied int64     // bytes with and without a verified copy
	Late             time.Time // since when the oldest pack without a copy is there
	LatePacks        int64
	LateObjects      int64
}

// ScrubState returns how scrub and second place stand.
func (a *Archive) ScrubState(ctx context.Context) (s ScrubState, err error) {
	var oldest, late int64
	err = a.DB.QueryRow(ctx, `select count(*), coalesce(sum(size_bytes), 0), coalesce(sum(case when read_ms > 0 then size_bytes else 0 end), 0),
		coalesce(min(read_ms), 0), coalesce(sum(case when copied_ms > 0 then size_bytes else 0 end), 0),
		coalesce(sum(case when copied_ms = 0 then size_bytes else 0 end), 0), coalesce(min(case when copied_ms = 0 then seen_ms end), 0),
		coalesce(sum(case when copied_ms = 0 then 1 else 0 end), 0) from pack_state where superseded_ms = 0`).
		Scan(&s.Packs, &s.Bytes, &s.Read, &oldest, &s.Copied, &s.Uncopied, &late, &s.LatePacks)
	if err != nil {
		return s, err
	}
	s.Oldest, s.Late = db.FromMillis(oldest), db.FromMillis(late)
	err = a.DB.QueryRow(ctx, `select (select count(*) from damage where mended_ms = 0),
		(select count(*) from instance where pack in (select pack from pack_state where copied_ms = 0 and superseded_ms = 0))`).Scan(&s.Damaged, &s.LateObjects)
	return s, err
}

// CopySecond copies the sealed packs to the second place that are not there yet, each
// verified. It returns how many it copied.
func (a *Archive) CopySecond(ctx context.Context) (int, error) {
	if a.Second == nil {
		return 0, nil
	}
	store, err := a.packs()
	if err != nil {
		return 0, err
	}
	if err := a.Survey(ctx); err != nil {
		return 0, err
	}
	there := map[string]bool{}
	for p, err := range a.Second.Packs(ctx) {
		if err != nil {
			return 0, err
		}
		there[p.Name] = p.Sealed
	}
	list, err := db.List(ctx, a.DB, scanPack, fromPack+`where sealed and superseded_ms = 0 order by pack`)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, p := range list {
		if there[p.Name] && !p.Copied.IsZero() {
			continue
		}
		if err := blob.CopyPack(ctx, store, a.Second, p.Name); err != nil {
			if fault.Of(err) == fault.NotFound || errors.Is(err, blob.ErrDamaged) {
				a.Log.WarnContext(ctx, "pack not copied to the second place", "pack", p.Name, "error", err)
				continue // gone meanwhile, or for the scrub to mend
			}
			return n, err
		}
		n++
		err := a.DB.Write(ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(ctx, `update pack_state set copied_ms = $2, copied_bytes = $3 where pack = $1`, p.Name, db.Millis(a.Now()), p.Bytes)
			return err
		})
		if err != nil {
			return n, err
		}
	}
	return n, nil
}
