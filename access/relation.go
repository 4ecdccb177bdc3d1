package access

import (
	"context"
	"fmt"
	"strings"
	"time"

	"radagora/db"
	"radagora/fault"
	"radagora/journal"
)

// Facts knows who has to do with whom beside their role, and what persons asked
// for. It is safe for concurrent use.
type Facts struct {
	DB      *db.DB
	Journal Journal
	Now     func() time.Time
	// Peers answers whether a DICOM peer may query and retrieve at a site; nil: none may.
	Peers func(ctx context.Context, id, site string) bool
	// Mark returns a keyed hash of a person that is always the same: an opt-out is kept
	// under it when the person is erased. Nil: it goes with them.
	Mark func(site, person string) []byte
	// Opened is told of a record opened in an emergency, within the transaction: it
	// tells the data-protection officer. Nil: nobody is told.
	Opened func(ctx context.Context, tx *db.Tx, r Relation) error
}

// A Journal records what happened.
type Journal interface {
	Append(ctx context.Context, tx *db.Tx, e ...journal.Entry) error
}

// The kinds of Relation.
const (
	Referred = "referred" // sent the patient
	Granted  = "granted"  // was given the patient or study
	Opened   = "glass"    // opened the record in an emergency
)

// A Relation is why somebody may see a patient or study that their role alone does
// not show.
type Relation struct {
	ID, Site, User, Kind string
	Person, Study        string // one of them may be ""
	Reason               string
	MadeBy               string
	Made, Until, Ended   time.Time // the zero Until means no end
	ReviewedBy, Review   string
	Reviewed             time.Time
}

// Holds reports whether the relation holds at t.
func (r Relation) Holds(t time.Time) bool {
	return r.Ended.IsZero() && (r.Until.IsZero() || t.Before(r.Until))
}

// Relate notes a relation, as part of tx, and returns its id.
func (f *Facts) Relate(ctx context.Context, tx *db.Tx, r Relation) (string, error) {
	switch {
	case r.Person == "" && r.Study == "" || r.User == "":
		return "", fault.Errorf(fault.Invalid, "relation: it needs an account, and a patient or a study")
	case r.Kind != Referred && r.Kind != Granted && r.Kind != Opened:
		return "", fault.Errorf(fault.Invalid, "relation: there is no kind %q", r.Kind)
	case len(r.Reason) > 1000:
		return "", fault.Errorf(fault.Invalid, "relation: a reason has at most 1000 bytes")
	}
	r.ID, r.Made, r.MadeBy = db.NewID(), f.Now(), From(ctx).ID
	_, err := tx.Exec(ctx, `insert into access_relation (relation_id, site_id, user_id, kind, person, study, reason, made_by, made_at, until)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		r.ID, r.Site, r.User, r.Kind, r.Person, r.Study, r.Reason, r.MadeBy, db.Millis(r.Made), db.Millis(r.Until))
	if err != nil {
		return "", err
	}
	if r.Kind == Opened && f.Opened != nil {
		if err := f.Opened(ctx, tx, r); err != nil {
			return "", err
		}
	}
	return r.ID, f.record(ctx, tx, r.Site, "access."+r.Kind+".made", r.Person, r.Study, map[string]any{
		"relation": r.ID, "account": r.User, "until": stamp(r.Until),
	}, map[string]any{"reason": r.Reason})
}

// Break opens a record in an emergency for whoever asks: with a reason, for as long
// as it lasts.
// Everybody it concerns can read that it happened.
func (f *Facts) Break(ctx context.Context, subject Subject, reason string, lasts time.Duration) error {
	if err := Check(ctx, GlassOpen, subject); err != nil {
		return err
	}
	if len(strings.TrimSpace(reason)) < 10 {
		return fault.Errorf(fault.Invalid, "emergency access: the reason has at least 10 letters; it is read by the data-protection officer")
	}
	if subject.Person == "" {
		return fault.Errorf(fault.Invalid, "emergency access: it is about one patient")
	}
	return f.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := f.Relate(ctx, tx, Relation{
			Site: subject.Site, User: From(ctx).ID, Kind: Opened, Person: subject.Person,
			Reason: reason, Until: f.Now().Add(lasts),
		})
		return err
	})
}

// Unrelate ends a relation.
func (f *Facts) Unrelate(ctx context.Context, tx *db.Tx, id string) error {
	rows, err := f.relations(ctx, tx, `where relation_id = $1`, id)
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		return fault.Errorf(fault.NotFound, "no relation %s", id)
	}
	r := rows[0]
	if _, err := tx.Exec(ctx, `update access_relation set ended_at = $2 where relation_id = $1`, id, db.Millis(f.Now())); err != nil {
		return err
	}
	return f.record(ctx, tx, r.Site, "access."+r.Kind+".ended", r.Person, r.Study, map[string]any{"relation": id, "account": r.User}, nil)
}

// Reviewed notes what the data-protection officer found of an emergency.
func (f *Facts) Reviewed(ctx context.Context, id, finding string) error {
	return f.DB.Write(ctx, func(tx *db.Tx) error {
		rows, err := f.relations(ctx, tx, `where relation_id = $1 and kind = 'glass'`, id)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return fault.Errorf(fault.NotFound, "no emergency access %s", id)
		}
		r := rows[0]
		if err := Check(ctx, GlassReview, Subject{Site: r.Site}); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `update access_relation set reviewed_by = $2, reviewed_at = $3, review = $4 where relation_id = $1`,
			id, From(ctx).ID, db.Millis(f.Now()), finding)
		if err != nil {
			return err
		}
		return f.record(ctx, tx, r.Site, "access.glass.reviewed", r.Person, "", map[string]any{"relation": id, "account": r.User}, nil)
	})
}

// Of returns the relations to one patient, under any of their identifiers, or to one
// study at a site, the latest first.
func (f *Facts) Of(ctx context.Context, subject Subject) ([]Relation, error) {
	return f.relations(ctx, f.DB, `where relation_id in (select relation_id from access_relation where site_id = $1 and person <> '' and person in `+fmt.Sprintf(same, "$1", "$2")+`
		union all select relation_id from access_relation where site_id = $1 and study <> '' and study = $3)`,
		subject.Site, subject.Person, subject.Study)
}

// Emergencies returns the records opened in an emergency at a site, the latest
// first, at most limit of them.
func (f *Facts) Emergencies(ctx context.Context, site string, limit int) ([]Relation, error) {
	all, err := f.relations(ctx, f.DB, `where kind = 'glass' and (site_id = $1 or $1 = '')`, site)
	return all[:min(limit, len(all))], err
}

// relations returns relations.
func (*Facts) relations(ctx context.Context, q db.Querier, where string, args ...any) ([]Relation, error) {
	return db.List(ctx, q, func(rows *db.Rows) (r Relation, err error) {
		var made, until, ended, reviewed int64
		err = rows.Scan(&r.ID, &r.Site, &r.User, &r.Kind, &r.Person, &r.Study, &r.Reason, &r.MadeBy, &made, &until, &ended,
			&r.ReviewedBy, &reviewed, &r.Review)
		r.Made, r.Until, r.Ended, r.Reviewed = db.FromMillis(made), db.FromMillis(until), db.FromMillis(ended), db.FromMillis(reviewed)
		return r, err
	}, `select relation_id, site_id, user_id, kind, person, study, reason, made_by, made_at, until, ended_at,
		reviewed_by, reviewed_at, review from access_relation `+where+` order by made_at desc`, args...)
}

// about fills in what is known of who and subject, under any identifier of theirs.
func (f *Facts) about(ctx context.Context, who Who, subject Subject, c *Circumstances) error {
	kinds, err := db.List(ctx, f.DB, func(r *db.Rows) (k string, err error) { return k, r.Scan(&k) },
		`select kind from access_relation where user_id = $1 and site_id = $2 and ended_at = 0 and (until = 0 or until > $3)
		and (person <> '' and person in `+fmt.Sprintf(same, "$2", "$4")+` or study <> '' and study = $5)
		union all select wish from access_wish where site_id = $2 and person in `+fmt.Sprintf(same, "$2", "$4")+` and until = 0`,
		who.ID, subject.Site, db.Millis(f.Now()), subject.Person, subject.Study)
	for _, k := range kinds {
		switch k {
		case Referred:
			c.Referred = true
		case Granted:
			c.Granted = true
		case Opened:
			c.Glass = true
		case string(Restricted):
			c.Restricted = true
		case string(NoSecondary):
			c.OptedOut = true
		}
	}
	if err == nil && !c.Own && who.Patient != "" && subject.Person != "" {
		c.Own, err = f.are(ctx, subject.Site, who.Patient, subject.Person)
	}
	return err
}

// peerMay reports whether a DICOM peer may query and retrieve.
func (f *Facts) peerMay(ctx context.Context, who Who, site string) bool {
	return f.Peers != nil && f.Peers(ctx, who.ID, site)
}

// record writes an entry in the name of whoever asks.
func (f *Facts) record(ctx context.Context, tx *db.Tx, site, kind, person, study string, data, payload map[string]any) error {
	e := journal.Entry{Site: site, At: f.Now(), Actor: actor(ctx), Kind: kind, Subject: study, Data: encode(data)}
	if person != "" {
		if payload == nil {
			payload = map[string]any{} // that it is about them is to be found
		}
		e.Person, e.Payload = person, encode(payload)
	}
	return f.Journal.Append(ctx, tx, e)
}
