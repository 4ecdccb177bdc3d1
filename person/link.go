package person

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"time"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
	"radagora/journal"
)

// The kinds of Link.
const (
	Linked   = "link"     // both are identifiers of one person
	Merged   = "merge"    // so are they, and the first is given up (HL7 v2 A40)
	Distinct = "distinct" // they are two persons, whatever proposes otherwise
)

// A Link is a decision about two identifiers.
type Link struct {
	ID, Site, Kind string
	A, B           string // keys; of a merge, A is given up and B stays
	Reason, MadeBy string
	Made           time.Time
	Ended          time.Time // the zero time while it holds
	EndedBy, End   string    // who undid it, and why
}

// String shows no identifier.
func (l Link) String() string { return l.Kind + " " + l.ID }

// LogValue implements slog.LogValuer.
func (l Link) LogValue() slog.Value { return slog.StringValue(l.String()) }

// reasonLimit is how long a reason may be, in bytes.
const reasonLimit = 1000

// Link decides, on behalf of whoever asks, that two identifiers mean one person, or
// that they do not (l.Kind), and returns the id of the decision. What the person
// asked for under one of them holds for all from then on. It is Forbidden for those
// who may not, Invalid without two identifiers and a reason, Conflict if the
// opposite was decided or if it is so already.
func (r *Register) Link(ctx context.Context, l Link) (id string, err error) {
	if err := l.check(); err != nil { // before a transaction waits for its turn
		return "", err
	}
	err = r.DB.Write(ctx, func(tx *db.Tx) error {
		id, err = r.LinkIn(ctx, tx, l)
		return err
	})
	return id, err
}

// LinkIn is Link within a transaction.
func (r *Register) LinkIn(ctx context.Context, tx *db.Tx, l Link) (id string, err error) {
	if err := l.check(); err != nil {
		return "", err
	}
	for _, key := range []string{l.A, l.B} {
		if err := access.Check(ctx, access.LinkChange, access.Subject{Site: l.Site, Person: key}); err != nil {
			return "", err
		}
	}
	wishes, err := r.wishes(ctx, l)
	if err != nil {
		return "", err
	}
	if err := r.contradicts(ctx, tx, l); err != nil {
		return "", err
	}
	l.ID = db.NewID()
	_, err = tx.Exec(ctx, `insert into person_link (link_id, site_id, kind, a, b, reason, made_by, made_at) values ($1, $2, $3, $4, $5, $6, $7, $8)`,
		l.ID, l.Site, l.Kind, l.A, l.B, l.Reason, access.From(ctx).ID, db.Millis(r.Now()))
	if err != nil {
		return "", err
	}
	for _, then := range []func() error{
		func() error { return r.spread(ctx, tx, l, wishes) },
		func() error { return r.tell(ctx, tx, l) },
		func() error { return r.relinked(ctx, tx, l) },
		func() error { return r.record(ctx, tx, l, "made", l.Reason) },
	} {
		if err := then(); err != nil {
			return "", err
		}
	}
	return l.ID, nil
}

// check refuses what cannot be decided.
func (l Link) check() error {
	switch {
	case !slices.Contains([]string{Linked, Merged, Distinct}, l.Kind):
		return fault.Errorf(fault.Invalid, "link: there is no kind %.20q", l.Kind)
	case l.A == "" || l.B == "" || l.A == l.B:
		return fault.Errorf(fault.Invalid, "link: two different identifiers are needed")
	case strings.TrimSpace(l.Reason) == "":
		return fault.Errorf(fault.Invalid, "link: say why: whoever looks later has nothing else to go by")
	case len(l.Reason) > reasonLimit || len(l.A) > journal.MaxName || len(l.B) > journal.MaxName:
		return fault.Errorf(fault.Invalid, "link: a reason has at most %d bytes, an identifier %d", reasonLimit, journal.MaxName)
	}
	return nil
}

// contradicts refuses a decision against one that holds.
func (r *Register) contradicts(ctx context.Context, tx *db.Tx, l Link) error {
	ones, err := r.KeysIn(ctx, tx, l.Site, l.A)
	if err != nil {
		return err
	}
	others, err := r.KeysIn(ctx, tx, l.Site, l.B)
	if err != nil {
		return err
	}
	same := slices.Contains(ones, l.B)
	switch {
	case same && l.Kind == Distinct:
		return fault.Errorf(fault.Conflict, "link: the identifiers are linked: undo that first")
	case same:
		return fault.Errorf(fault.Conflict, "link: the identifiers are linked already")
	case len(ones)+len(others) > maxKeys:
		return fault.Errorf(fault.Conflict, "link: more than %d identifiers of one person: something is wrong", maxKeys)
	}
	apart, err := db.List(ctx, tx, scanLink, fromLink+`where site_id = $1 and ended_at = 0 and kind = 'distinct' order by link_id`, l.Site)
	if err != nil {
		return err
	}
	for _, d := range apart {
		between := slices.Contains(ones, d.A) && slices.Contains(others, d.B) || slices.Contains(ones, d.B) && slices.Contains(others, d.A)
		if between && l.Kind != Distinct {
			return fault.Errorf(fault.Conflict, "link: somebody decided that they are two persons (%s): undo that first", d.ID)
		}
		if between && (d.A == l.A && d.B == l.B || d.A == l.B && d.B == l.A) {
			return fault.Errorf(fault.Conflict, "link: that is decided already (%s)", d.ID)
		}
	}
	return nil
}

// wishes returns what the person asked for under any of the identifiers that will
// be theirs.
func (r *Register) wishes(ctx context.Context, l Link) (map[access.Wish]string, error) {
	all := map[access.Wish]string{}
	if l.Kind == Distinct {
		return all, nil
	}
	for _, end := range []string{l.A, l.B} {
		keys, err := r.Keys(ctx, l.Site, end)
		if err != nil {
			return nil, err
		}
		for _, key := range keys {
			held, err := r.Facts.Wishes(ctx, access.Person{Site: l.Site, ID: key})
			if err != nil {
				return nil, err
			}
			for _, h := range held {
				if h.Until.IsZero() {
					all[h.Wish] = h.Reason
				}
			}
		}
	}
	return all, nil
}

// spread notes wishes for every identifier of the person. Undoing a link does not
// take them back: too careful is the right side.
func (r *Register) spread(ctx context.Context, tx *db.Tx, l Link, wishes map[access.Wish]string) error {
	if len(wishes) == 0 {
		return nil
	}
	keys, err := r.KeysIn(ctx, tx, l.Site, l.A)
	if err != nil {
		return err
	}
	for w, reason := range wishes {
		for _, key := range keys {
			if err := r.Facts.Wish(ctx, tx, access.Person{Site: l.Site, ID: key}, w, true, reason); err != nil {
				return err
			}
		}
	}
	return nil
}

// tell has access know whose identifiers the two ends of a decision are now.
func (r *Register) tell(ctx context.Context, tx *db.Tx, l Link) error {
	if l.Kind == Distinct {
		return nil
	}
	for _, end := range []string{l.A, l.B} {
		keys, err := r.KeysIn(ctx, tx, l.Site, end)
		if err != nil {
			return err
		}
		if err := r.Facts.Same(ctx, tx, l.Site, keys); err != nil {
			return err
		}
	}
	return nil
}

// tellAll has access know of all decisions, once: those made before it was told.
func (r *Register) tellAll(ctx context.Context) error {
	return r.DB.Write(ctx, func(tx *db.Tx) error {
		if known, err := r.Facts.KnowsSame(ctx, tx); err != nil || known {
			return err
		}
		all, err := db.List(ctx, tx, scanLink, fromLink+`where ended_at = 0 and kind <> 'distinct' order by link_id`)
		if err != nil {
			return err
		}
		for _, l := range all {
			if err := r.tell(ctx, tx, l); err != nil {
				return err
			}
		}
		return nil
	})
}

// record writes a decision to the journal, once for each of the two persons: the
// identifiers stand only where erasure makes them unreadable.
func (r *Register) record(ctx context.Context, tx *db.Tx, l Link, what, reason string) error {
	data, err := json.Marshal(map[string]string{"kind": l.Kind})
	if err != nil {
		return err
	}
	var entries []journal.Entry
	for _, pair := range [][2]string{{l.A, l.B}, {l.B, l.A}} {
		payload, err := json.Marshal(map[string]string{"with": pair[1], "reason": reason})
		if err != nil {
			return err
		}
		entries = append(entries, journal.Entry{
			Site: l.Site, At: r.Now(), Actor: access.From(ctx).ID, Kind: "person." + l.Kind + "." + what, Subject: l.ID,
			Data: data, Person: pair[0], Payload: payload,
		})
	}
	if err := r.Journal.Append(ctx, tx, entries...); err != nil || r.Noted == nil || l.Kind == Distinct {
		return err
	}
	for _, end := range []string{l.A, l.B} {
		keys, err := r.KeysIn(ctx, tx, l.Site, end)
		if err == nil {
			err = r.Noted(ctx, tx, l.Site, keys)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Unlink undoes a decision, on behalf of whoever asks. NotFound: there is none of
// that id, or it was undone.
func (r *Register) Unlink(ctx context.Context, site, id, reason string) error {
	if strings.TrimSpace(reason) == "" || len(reason) > reasonLimit {
		return fault.Errorf(fault.Invalid, "unlink: say why, in at most %d bytes", reasonLimit)
	}
	list, err := db.List(ctx, r.DB, scanLink, fromLink+`where site_id = $1 and link_id = $2`, site, id)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return fault.Errorf(fault.NotFound, "unlink: no decision %s", id)
	}
	l := list[0]
	for _, key := range []string{l.A, l.B} {
		if err := access.Check(ctx, access.LinkChange, access.Subject{Site: site, Person: key}); err != nil {
			return err
		}
	}
	return r.DB.Write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, `update person_link set ended_by = $3, ended_at = $4, end_reason = $5 where site_id = $1 and link_id = $2 and ended_at = 0`,
			site, id, access.From(ctx).ID, db.Millis(r.Now()), reason)
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.Errorf(fault.NotFound, "unlink: decision %s was undone already", id)
		}
		if err := r.tell(ctx, tx, l); err != nil {
			return err
		}
		if err := r.relinked(ctx, tx, l); err != nil {
			return err
		}
		return r.record(ctx, tx, l, "ended", reason)
	})
}

// Links returns every decision about the identifiers of a person, those that were
// undone too, the latest first.
func (r *Register) Links(ctx context.Context, site, key string) ([]Link, error) {
	keys, err := r.Keys(ctx, site, key)
	if err != nil {
		return nil, err
	}
	seen, all := map[string]bool{}, []Link(nil)
	for _, k := range keys {
		list, err := db.List(ctx, r.DB, scanLink, fromLink+`where `+ofPerson, site, k)
		if err != nil {
			return nil, err
		}
		for _, l := range list {
			if !seen[l.ID] {
				seen[l.ID] = true
				all = append(all, l)
			}
		}
	}
	slices.SortFunc(all, func(a, b Link) int { return strings.Compare(b.ID, a.ID) })
	return all, nil
}

// Survivor returns the identifier by which a person is to be called: where
// identifiers were merged, the one that stays; otherwise key itself.
func (r *Register) Survivor(ctx context.Context, site, key string) (string, error) {
	return r.SurvivorIn(ctx, r.DB, site, key)
}

// SurvivorIn is Survivor within a transaction.
func (*Register) SurvivorIn(ctx context.Context, q db.Querier, site, key string) (string, error) {
	for range maxKeys {
		next, err := db.List(ctx, q, func(r *db.Rows) (s string, err error) { return s, r.Scan(&s) },
			`select b from person_link where site_id = $1 and a = $2 and kind = 'merge' and ended_at = 0 order by link_id desc limit 1`, site, key)
		if err != nil || len(next) == 0 {
			return key, err
		}
		key = next[0]
	}
	return key, nil
}

const fromLink = `select link_id, site_id, kind, a, b, reason, made_by, made_at, ended_at, ended_by, end_reason from person_link `

func scanLink(r *db.Rows) (l Link, err error) {
	var made, ended int64
	err = r.Scan(&l.ID, &l.Site, &l.Kind, &l.A, &l.B, &l.Reason, &l.MadeBy, &made, &ended, &l.EndedBy, &l.End)
	l.Made, l.Ended = db.FromMillis(made), db.FromMillis(ended)
	return l, err
}

// Linked returns how many links and merges were made at a site between two moments, the
// later one not included.
func (r *Register) Linked(ctx context.Context, site string, from, until time.Time) (n int64, err error) {
	err = r.DB.QueryRow(ctx, `select count(*) from person_link where site_id = $1 and kind <> 'distinct' and made_at >= $2 and made_at < $3`,
		site, db.Millis(from), db.Millis(until)).Scan(&n)
	return n, err
}
