package archive

import (
	"context"
	"strings"
	"time"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
	"radagora/journal"
)

// A Hold keeps a study, or all studies of a person, from being deleted, from running
// out and from being erased, until somebody lifts it.
type Hold struct {
	ID, Site, Study       string
	Person                Personal // "" if it is a study that is held
	Reason, Actor         string
	At, Lifted            time.Time // the zero time while it holds
	LiftedBy, LiftedFor   string
	StudiesHeld, SizeHeld int64
}

// Hold holds a study, or a person if study is "". NotFound: there is no such study, or
// nobody of whom there are studies. Invalid: no reason.
func (a *Archive) Hold(ctx context.Context, site, study, person, reason string) (string, error) {
	if reason = strings.TrimSpace(reason); reason == "" || len(reason) > maxReason {
		return "", fault.Errorf(fault.Invalid, "a hold needs a reason of at most %d bytes", maxReason)
	}
	if (study == "") == (person == "") {
		return "", fault.Errorf(fault.Invalid, "a hold is on a study or on a person")
	}
	id := db.NewID()
	return id, a.DB.Write(ctx, func(tx *db.Tx) error {
		about, n := person, int64(0)
		err := tx.QueryRow(ctx, `select (select count(*) from study where site_id = $1 and study_uid = $2) +
			(select count(*) from study_person where site_id = $1 and person = $3) +
			(select count(*) from trash_object where site_id = $1 and (study_uid = $2 or person = $3 and $3 <> ''))`, site, study, person).Scan(&n)
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.Errorf(fault.NotFound, "no such study, or nobody of whom there are studies")
		}
		if about == "" {
			if err := a.personIn(ctx, tx, site, study, &about); err != nil {
				return err
			}
		}
		_, err = tx.Exec(ctx, `insert into hold (id, site_id, study_uid, person, reason, actor, at_ms) values ($1, $2, $3, $4, $5, $6, $7)`,
			id, site, study, person, reason, actorOf(ctx), db.Millis(a.Now()))
		if err != nil {
			return err
		}
		return a.Journal.Append(ctx, tx, heldEntry(ctx, "archive.hold.placed", site, id, study, about, reason))
	})
}

// personIn finds whom a study is filed under.
func (a *Archive) personIn(ctx context.Context, tx *db.Tx, site, study string, who *string) error {
	list, err := db.List(ctx, tx, func(r *db.Rows) (s string, err error) { return s, r.Scan(&s) },
		`select person from study where site_id = $1 and study_uid = $2`, site, study)
	if err == nil && len(list) > 0 {
		*who = list[0]
	}
	return err
}

// heldEntry returns an entry about a hold; what somebody typed is in its payload.
func heldEntry(ctx context.Context, kind, site, id, study, person, reason string) journal.Entry {
	e := journal.Entry{Site: site, Actor: actorOf(ctx), Kind: kind, Subject: id, Person: person, Data: encode(map[string]any{"study": study})}
	if person != "" {
		e.Payload = encode(map[string]any{"reason": reason})
	}
	return e
}

// Lift ends a hold. NotFound: there is none. Conflict: it was lifted before.
func (a *Archive) Lift(ctx context.Context, site, id, why string) error {
	if why = strings.TrimSpace(why); why == "" || len(why) > maxReason {
		return fault.Errorf(fault.Invalid, "lifting a hold needs a reason of at most %d bytes", maxReason)
	}
	return a.DB.Write(ctx, func(tx *db.Tx) error {
		list, err := db.List(ctx, tx, scanHold, fromHold+`where site_id = $1 and id = $2`, site, id)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return fault.Errorf(fault.NotFound, "no such hold")
		}
		n, err := tx.Exec(ctx, `update hold set lifted_ms = $2, lifted_by = $3, lifted_why = $4 where id = $1 and lifted_ms = 0`,
			id, db.Millis(a.Now()), actorOf(ctx), why)
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.Errorf(fault.Conflict, "the hold was lifted before")
		}
		h, about := list[0], list[0].Person.Reveal()
		if about == "" {
			if err := a.personIn(ctx, tx, site, h.Study, &about); err != nil {
				return err
			}
		}
		return a.Journal.Append(ctx, tx, heldEntry(ctx, "archive.hold.lifted", site, id, h.Study, about, why))
	})
}

const fromHold = `select id, site_id, study_uid, person, reason, actor, at_ms, lifted_ms, lifted_by, lifted_why from hold `

func scanHold(r *db.Rows) (h Hold, err error) {
	var at, lifted int64
	err = r.Scan(&h.ID, &h.Site, &h.Study, &h.Person, &h.Reason, &h.Actor, &at, &lifted, &h.LiftedBy, &h.LiftedFor)
	h.At, h.Lifted = db.FromMillis(at), db.FromMillis(lifted)
	return h, err
}

// Holds returns the holds of a site, those that hold first, the latest first.
func (a *Archive) Holds(ctx context.Context, site string) ([]Hold, error) {
	return db.List(ctx, a.DB, scanHold, fromHold+`where site_id = $1 order by case when lifted_ms = 0 then 0 else 1 end, id desc limit 1000`, site)
}

// held returns what counts the holds on a study: on itself, on one that it was split from,
// on a person whom it names, or on one from whom it was corrected away while that was held.
func held(site, study string) string {
	return strings.NewReplacer("SITE", site, "STUDY", study).Replace(`(with recursive origin (uid) as (select cast(STUDY as text) union
		select correction.study_uid from origin join correction on correction.site_id = SITE and correction.new_study <> '' and correction.new_study = origin.uid and correction.undone_ms = 0)
		select count(*) from hold where hold.site_id = SITE and hold.lifted_ms = 0 and (hold.study_uid in (select uid from origin) or hold.person <> '' and (
			hold.person in (select study_person.person from study_person join study as named on named.id = study_person.study where named.site_id = SITE and named.study_uid = STUDY)
			or hold.person in (select correction_received.person from correction join correction_received on correction_received.correction = correction.id
				where correction.site_id = SITE and correction.undone_ms = 0 and correction.at_ms >= hold.at_ms and (
					correction.new_study <> '' and correction.new_study in (select uid from origin) or correction.new_study = '' and correction.study_uid in (select uid from origin))))))`)
}

var holding = "select " + held("$1", "$2")

// unheld returns Conflict if a study is held.
func (a *Archive) unheld(ctx context.Context, q db.Querier, site, study string) error {
	n := int64(0)
	if err := q.QueryRow(ctx, holding, site, study).Scan(&n); err != nil {
		return err
	}
	if n > 0 {
		return fault.Errorf(fault.Conflict, "study %s is held", study)
	}
	return nil
}

// unheldTrash returns Conflict if a person is held whom something in the trash is about.
func (a *Archive) unheldTrash(ctx context.Context, q db.Querier, d Deletion) error {
	n := int64(0)
	err := q.QueryRow(ctx, `select count(*) from hold where site_id = $1 and lifted_ms = 0 and person <> '' and person in (select person from trash_object where trash = $2)`,
		d.Site, d.ID).Scan(&n)
	if err == nil && n > 0 {
		err = fault.Errorf(fault.Conflict, "study %s is held", d.Study)
	}
	return err
}

// Kept implements privacy.Keeper: how many studies of a person stay because they, or
// the person, are held.
func (a *Archive) Kept(ctx context.Context, p access.Person) (map[string]int, error) {
	n, err := a.heldOf(ctx, a.DB, p)
	if err != nil || n == 0 {
		return nil, err
	}
	return map[string]int{"legal_hold": n}, nil
}

// heldOf counts the studies of a person that are held.
func (a *Archive) heldOf(ctx context.Context, q db.Querier, p access.Person) (int, error) {
	var n int
	err := q.QueryRow(ctx, `select count(*) from study_person join study on study.id = study_person.study
		where study_person.site_id = $1 and study_person.person = $2 and `+held("study.site_id", "study.study_uid")+` > 0`, p.Site, p.ID).Scan(&n)
	return n, err
}
